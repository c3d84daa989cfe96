"""Reads Pulumi.yaml and Pulumi.<stack>.yaml the way the engine hands them to a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from .resource_graph import SECRET

PROJECT_FILE = "Pulumi.yaml"
OURS = "qudag-mcp"


@dataclass(frozen=True, kw_only=True)
class StackFiles:
    """What a program is started with.

    Attributes:
        config: values by full key (``project:key``); objects and lists as JSON.
        secret_keys: keys whose value is encrypted; their value here is ``"[secret]"``.
        missing: keys that Pulumi.yaml declares, and that have no value.
    """

    project: str
    stack: str
    config: dict[str, str]
    secret_keys: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def over(self, settings: Mapping[str, Any]) -> StackFiles:
        """These files with values of this machine in the place of theirs, by full key."""
        stated = {key: _handed_over(value) for key, value in settings.items()}
        return replace(self, config=self.config | stated)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> StackFiles:
        written = json.loads(text)
        return cls(
            **written | {key: tuple(written.get(key, ())) for key in ("secret_keys", "missing")}
        )


def stack_names(root: Path) -> list[str]:
    """Names of the stacks that have a file under ``root``."""
    files = _stack_folder(root).glob("Pulumi.*.yaml")
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)


def has_program(root: Path) -> bool:
    return (root / PROJECT_FILE).is_file() and program_file(root).is_file()


def program_file(root: Path) -> Path:
    """The file that is run: ``__main__.py``, below ``main`` of Pulumi.yaml if it states that."""
    if (stated := root / "__main__.py").is_file():
        return stated  # without reading Pulumi.yaml, whose ``main`` would lead to another folder
    main = root / str(project_file(root).get("main") or ".")
    return main if main.is_file() else main / "__main__.py"


def _stack_folder(root: Path) -> Path:
    """Where the files of stacks are: ``stackConfigDir`` of Pulumi.yaml, or beside it."""
    if any(root.glob("Pulumi.*.yaml")) or not (root / PROJECT_FILE).is_file():
        return root
    return root / str(project_file(root).get("stackConfigDir") or ".")


def project_file(root: Path) -> dict[str, Any]:
    """The content of Pulumi.yaml; ProblemReport where it is not a mapping."""
    from graph.stack_yaml import read_yaml

    return _mapping(read_yaml(root / PROJECT_FILE), PROJECT_FILE)


def project_name(root: Path) -> str:
    """The name of the program under ``root``; ProblemReport where there is none."""
    return _project(root)[0]


def _project(root: Path) -> tuple[str, dict[str, Any]]:
    """The project's name, and the content of Pulumi.yaml."""
    from components.base.problems import Problem, ProblemReport

    if not has_program(root):
        raise ProblemReport(
            [
                Problem(
                    path=str(root),
                    what=f"there is no Pulumi program: {PROJECT_FILE} or __main__.py is missing",
                    consequence="there is no program to run",
                    fix="run this in the folder of the program",
                )
            ]
        )
    file = project_file(root)
    return str(file.get("name", root.name)), file


def read_stack_files(root: Path, stack: str) -> StackFiles:
    """The files of ``stack`` under ``root``.

    A program without any stack file has an empty configuration, as a new stack of an engine has.

    Raises ProblemReport when there is no such project or stack, or a file is not YAML.
    """
    from components.base.problems import Problem, ProblemReport, nearest
    from graph.stack_yaml import read_stack_file, read_yaml

    project, content = _project(root)
    known = stack_names(root)
    if stack not in known and (known or project == OURS):
        meant = nearest(stack, known)
        raise ProblemReport(
            [
                Problem(
                    path=f"Pulumi.{stack}.yaml",
                    what=f"there is no stack {stack!r}; there are {', '.join(known) or 'none'}",
                    consequence="the program has no configuration to run with",
                    fix=f"did you mean {meant}?" if meant else f"create Pulumi.{stack}.yaml",
                )
            ]
        )
    declared = _mapping(content.get("config"), f"{PROJECT_FILE}: config")
    file = _stack_folder(root) / f"Pulumi.{stack}.yaml"
    # Another project may have a stack without any configuration; ours would be made of defaults.
    if project == OURS:
        stated = read_stack_file(file)
    else:
        read = _mapping(read_yaml(file), file.name) if known else {}
        stated = _mapping(read.get("config"), f"{file.name}: config")
    given = {key: _default(value) for key, value in declared.items()} | stated
    values = {_full(key, project): value for key, value in given.items() if value is not None}
    files = StackFiles(
        project=project,
        stack=stack,
        config={key: _handed_over(value) for key, value in values.items()},
        secret_keys=tuple(sorted(key for key, value in values.items() if _holds_secret(value))),
        missing=tuple(
            sorted(full for key in declared if (full := _full(key, project)) not in values)
        ),
    )
    if project != OURS:  # ours says it itself, with everything else that is wrong
        _refuse_plaintext_secrets(files, file.name)
    return files


def _refuse_plaintext_secrets(files: StackFiles, name: str) -> None:
    """Refuse secrets of providers that are not encrypted; the program's own keys are its own."""
    from components.base.problems import ProblemReport

    from .secrets import plaintext_secrets

    of_providers = {
        key: text for key, text in files.config.items() if not key.startswith(f"{files.project}:")
    }
    problems = plaintext_secrets(of_providers, files.secret_keys)
    if problems:
        raise ProblemReport(replace(one, path=f"{name}: {one.path}") for one in problems)


def _mapping(read: object, path: str) -> dict[str, Any]:
    """A mapping of a YAML file; ProblemReport where something else stands in its place."""
    from components.base.problems import Problem, ProblemReport

    if read is None or isinstance(read, dict):
        return cast("dict[str, Any]", read or {})
    raise ProblemReport(
        [
            Problem(
                path=path,
                what=f"is a {type(read).__name__}, not a mapping",
                consequence="the program would run without its configuration",
                fix="write lines of the form key: value",
            )
        ]
    )


def _full(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _default(declared: Any) -> Any:
    """What Pulumi.yaml gives a key: a value as it is, or a declaration with one."""
    if not isinstance(declared, dict):
        return declared
    declaration = cast("dict[str, Any]", declared)
    return declaration.get("value", declaration.get("default"))


def _handed_over(value: object) -> str:
    without = _without_encrypted(value)
    return without if isinstance(without, str) else json.dumps(without)


def _without_encrypted(value: object) -> object:
    """The value with ``[secret]`` in place of what is encrypted."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        if set(fields) == {"secure"}:
            return SECRET
        return {key: _without_encrypted(field) for key, field in fields.items()}
    if isinstance(value, list):
        return [_without_encrypted(item) for item in cast("list[object]", value)]
    return value


def _holds_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return set(fields) == {"secure"} or any(_holds_secret(field) for field in fields.values())
    items = cast("list[object]", value) if isinstance(value, list) else []
    return any(_holds_secret(item) for item in items)
