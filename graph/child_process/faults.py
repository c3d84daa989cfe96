"""Why a program did not run to its end: problems with a fix, and the program's own traceback."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from components.base.problems import Problem

from ..failures import CONSEQUENCE, any_failure, failure, is_of_program, missing_value, places
from ..resource_graph import Notice
from ..stack_files import StackFiles

_OURS: Final = Path(__file__).resolve().parents[1]
_SETUPTOOLS: Final = {"pkg_resources", "setuptools", "distutils"}
"""Modules that old SDKs import, and that Python has had apart since 3.12."""


class Faults:
    """Everything that went wrong in one run.

    Attributes:
        configuration: errors of the SDK about values that are missing or of another type.
        unset: keys of optional configuration that the program reads and that have no value.
    """

    def __init__(self, files: StackFiles, root: Path, environment: str, install: str) -> None:
        self.configuration: list[Any] = []
        self.unset: list[str] = []
        self._faulty: BaseException | None = None
        self._files = files
        self._root = root
        self._environment = environment
        self._install = install

    def of(
        self,
        ended: BaseException | None,
        refused: list[Exception],
        logged: list[str],
        notices: tuple[Notice, ...],
    ) -> list[Problem]:
        """All problems: missing configuration, and what ended the program.

        Args:
            ended: the error that ended it.
            refused: errors that the recording answered.
            logged: messages that the program logged as errors, which end a preview as well.
            notices: what the preview does not know, which may be the cause.
        """
        found = [failure(fault, self._files) for fault in self.configuration]
        problems = [problem for problem in found if problem]
        known = {fault.key for fault in self.configuration}
        problems += [
            missing_value(key, self._files) for key in self._files.missing if key not in known
        ]
        if ended is not None:
            problems += self._end(ended, refused, notices, after=bool(problems))
        elif logged and not problems:
            problems.append(self._problem(logged[0].strip(), "correct the program"))
        return problems

    def traceback(self, ended: BaseException | None) -> str:
        """The traceback of an error that ``of`` reports and that is in the program's code."""
        return own_traceback(ended, self._root) if ended and ended is self._faulty else ""

    def _end(
        self,
        ended: BaseException,
        refused: list[Exception],
        notices: tuple[Notice, ...],
        *,
        after: bool,
    ) -> list[Problem]:
        """The problems of an error; ``after`` missing values they are its cause."""
        if reported := getattr(ended, "problems", None):
            return list(reported)
        plain = self._plain(ended)
        if after and (plain is None or plain.path.startswith("configuration ")):
            return []
        if plain:
            return [plain]
        if refused and not next(places(ended, self._root), None):
            return [self._problem(str(refused[0]), "correct the program; an engine refuses it too")]
        self._faulty = ended
        problem = any_failure(ended, self._files, self._root)
        return [replace(problem, fix=f"{problem.fix}{self._causes(notices)}")]

    def _plain(self, ended: BaseException) -> Problem | None:
        """The problem of an error that needs no traceback."""
        if isinstance(ended, SystemExit):
            return self._exit(ended)
        if isinstance(ended, ModuleNotFoundError) and ended.name and not self._is_here(ended.name):
            return self._missing_module(ended)
        return failure(ended, self._files)

    def _causes(self, notices: tuple[Notice, ...]) -> str:
        """Values that can be the cause of an error: assumed ones, and configuration without one."""
        assumed = sorted({one.subject for one in notices if "the preview takes it for" in one.what})
        known = f"; only a cloud knows {', '.join(assumed)}" if assumed else ""
        stack = self._files.stack
        return known + (f"; Pulumi.{stack}.yaml does not set {', '.join(self.unset)}"
                        if self.unset else "")  # fmt: skip

    def _problem(self, what: str, fix: str, place: str = "") -> Problem:
        return Problem(place or self._place(None), what, CONSEQUENCE, fix)

    def _place(self, error: BaseException | None) -> str:
        first = next(places(error, self._root), None) if error else None
        return first or str(self._root / "__main__.py")

    def _exit(self, ended: SystemExit) -> Problem:
        said = f"exit status {ended.code}" if isinstance(ended.code, int) else str(ended.code)
        return self._problem(
            f"the program ended itself: {said}",
            "correct the cause in its message, or remove the exit",
            self._place(ended),
        )

    def _is_here(self, module: str) -> bool:
        first = module.partition(".")[0]
        return (self._root / first).exists() or (self._root / f"{first}.py").exists()

    def _missing_module(self, ended: ModuleNotFoundError) -> Problem:
        module = str(ended.name).partition(".")[0]
        if module in _SETUPTOOLS:
            fix = f"install 'setuptools<81' into that environment; then {self._install}"
        elif self._is_listed(module):
            fix = self._install
        else:
            fix = f"add its package to the program's requirements, then {self._install}"
        return self._problem(
            f"the module {module} is not installed in {self._environment}",
            fix,
            self._place(ended),
        )

    def _is_listed(self, module: str) -> bool:
        """Whether the program's requirements name the module, as far as its name tells it."""
        for name in ("requirements.txt", "pyproject.toml"):
            file = self._root / name
            if file.is_file() and module.replace("_", "-") in file.read_text().replace("_", "-"):
                return True
        return False


def own_traceback(error: BaseException, root: Path) -> str:
    """The traceback from the program's first frame on, without frames of this tool."""
    whole = traceback.TracebackException.from_exception(error, compact=True)
    chain = list(_chain(whole))
    told = next((one for one in chain if _own_frames(one, root)), whole)
    for one in _chain(told):
        kept = [frame for frame in one.stack if not _is_ours(frame.filename)]
        own = [n for n, frame in enumerate(kept) if is_of_program(Path(frame.filename), root)]
        one.stack = traceback.StackSummary.from_list(kept[own[0] if own else 0 :])
    return "".join(told.format())


def _chain(error: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """An error, and those that it was raised from or during."""
    one: traceback.TracebackException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _own_frames(one: traceback.TracebackException, root: Path) -> bool:
    return any(is_of_program(Path(frame.filename), root) for frame in one.stack)


def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(_OURS) or file.startswith("<frozen ")
