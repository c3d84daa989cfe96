"""A program that does not run to its end, as one line with the place, the reason and the fix."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.base.problems import Problem, ProblemReport
from components.base.visible_text import visible

from .stack_files import StackFiles

CONSEQUENCE = "what the program would deploy is not known"


class ProgramFailed(ProblemReport):
    """A program ended with errors that its author or its user can correct, one line each.

    Attributes:
        traceback: of an error in the program's code, from the program's first frame on.
    """

    def __init__(self, problems: Iterable[Problem], traceback: str = "") -> None:
        super().__init__(problems)
        self.traceback = traceback

    @property
    def summary(self) -> str:
        """The lines without the traceback."""
        lines = (f"{one.path}: {one.what}; fix: {one.fix}" for one in self.problems)
        return visible("\n".join(lines))

    def __str__(self) -> str:
        return f"{visible(self.traceback)}{self.summary}"


class ValueNeeded(Exception):  # noqa: N818  (it reports; it is not an error of ours)
    """A program needs a value that is not known before a deployment.

    Attributes:
        function: token of the provider's function that gives it.
        path: which part of the function's result.
        use: what the program does with it.
    """

    def __init__(self, function: str, path: str, use: str) -> None:
        self.function = function
        self.path = path
        self.use = use
        super().__init__(f"{function}: {path} is not known before a deployment; needed for {use}")


def failure(error: BaseException, files: StackFiles) -> Problem | None:
    """What a user can do about a program's error; None for an error of another kind."""
    from pulumi.config import ConfigMissingError, ConfigTypeError  # 0.2 s, for a program elsewhere

    match error:
        case ConfigMissingError():
            return missing_value(error.key, files, secret=error.secret)
        case ConfigTypeError():
            return Problem(
                path=error.key,
                what=f"its value in Pulumi.{files.stack}.yaml is not a valid {error.expect_type}",
                consequence=CONSEQUENCE,
                fix=f"pulumi config set {_short(error.key, files)} <{error.expect_type}>"
                f" --stack {files.stack}",
            )
        case ValueNeeded():
            return Problem(
                path=f"{error.function} {error.path}",
                what=f"the program needs it for {error.use}, and only the provider can return it",
                consequence=CONSEQUENCE,
                fix=f"{_output_form(error.function)}, or read the value from pulumi.Config()",
            )
        case KeyError() if _raised_by_environ(error):
            name = error.args[0]
            return Problem(
                path=f"environment variable {name}",
                what="the program reads it, and it is not set",
                consequence=CONSEQUENCE,
                fix=f"export {name}=<value>, or read it with os.environ.get({name!r}, default)",
            )
        case _:
            return None


def missing_value(key: str, files: StackFiles, *, secret: bool = False) -> Problem:
    """A configuration value that the program requires and that is not set."""
    return Problem(
        path=key,
        what=f"the program requires it, and Pulumi.{files.stack}.yaml does not set it",
        consequence=CONSEQUENCE,
        fix=f"pulumi config set{' --secret' if secret else ''} {_short(key, files)} <value>"
        f" --stack {files.stack}",
    )


def any_failure(error: BaseException, files: StackFiles, root: Path) -> Problem:
    """As ``failure``, and for any other error where in the program it was raised."""
    return failure(error, files) or Problem(
        path=next(places(error, root), str(root / "__main__.py")),
        what=f"{type(error).__name__}: {_first_line(error)}",
        consequence=CONSEQUENCE,
        fix="correct the program there",
    )


def _short(key: str, files: StackFiles) -> str:
    """The key as ``pulumi config set`` takes it: a key of the project needs no namespace."""
    return key.removeprefix(f"{files.project}:")


def _output_form(function: str) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", function.rpartition(":")[2]).lower()
    return f"pass the result on unread, or use {name}_output(…).apply(…)"


def _raised_by_environ(error: KeyError) -> bool:
    raised_in = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    return raised_in[-1:] == [type(os.environ).__getitem__.__code__]


def places(error: BaseException, root: Path) -> Iterator[str]:
    """File and line of the frames in the program's own files, the innermost first."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if is_of_program(file, root):
            yield f"{file.relative_to(root)}:{frame.lineno}"


def is_of_program(file: Path, root: Path) -> bool:
    """Whether a file belongs to a program itself, and not to a package that it has installed."""
    return file.is_relative_to(root) and "site-packages" not in file.parts


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
