"""The requirements of the user's own code: read, compared with the server's, and checked.

The archive's name contains a digest of this file. So it must decide alone what is packaged: each
line is one exact version, and the lines are all that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from components.base.constraints import shown
from components.base.problems import Problem

_HASH = re.compile(r"\s--hash=(sha256:[0-9a-f]{64})")
_ELSEWHERE = re.compile(r"^(\.|/|~)|://|\s@\s|\.(whl|zip|tar\.gz)\b")
_UNKNOWN = "two builds of the same archive could differ, and so could what was tested and what runs"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line that is to be packaged: the requirement, and the hashes that its files may have."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def text(self) -> str:
        """As uv reads it."""
        name, pin = self.requirement.name, str(self.requirement.specifier)
        return " ".join([f"{name}{pin}", *(f"--hash={each}" for each in self.hashes)])


@dataclass
class Requirements:
    """What a requirements.txt adds to the libraries of a host.

    Attributes:
        lines: to be packaged, by canonical name.
        extras: extras that were asked for, by canonical name.
        problems: lines that cannot be packaged.
    """

    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    extras: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def hashed(self) -> bool:
        """Whether the file has hashes."""
        return any(line.hashes for line in self.lines.values())


def target_environment(python: str, target: str) -> dict[str, str]:
    """Values of environment markers on a host's machine.

    Args:
        python: its version.
        target: uv's name of the platform; empty: this machine.
    """
    found = {name: str(value) for name, value in default_environment().items()}
    found |= {"python_version": ".".join(python.split(".")[:2]), "python_full_version": python}
    if target:
        machine = target.partition("-")[0]
        found |= {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
        found |= {"platform_machine": machine, "platform_release": "", "platform_version": ""}
    return found | {"implementation_name": "cpython", "platform_python_implementation": "CPython"}


def locked(file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The versions in a list that this project has locked, by canonical name."""
    found: dict[str, str] = {}
    for _, text in _logical_lines(file.read_text()):
        requirement = Requirement(_HASH.sub("", text))
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            (pin,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = pin.version
    return found


def read(
    file: Path, *, ours: Mapping[str, str], environment: Mapping[str, str], constraints: str
) -> Requirements:
    """The requirements in `file`, which may be absent.

    Args:
        ours: the server's own libraries, name to version; they are in the archive in any case.
        environment: values of markers.
        constraints: the list of the server's libraries, as a fix names it.
    """
    found = Requirements()
    if not file.exists():
        return found
    hashed_lines: dict[str, int] = {}
    fix = f"uv pip compile --generate-hashes -c {constraints} requirements.in -o {file.name}"
    for number, text in _logical_lines(file.read_text(errors="replace")):
        where = f"{file.name} line {number}"
        hashes = tuple(_HASH.findall(text))
        plain = _HASH.sub("", text)
        if problem := _line_problem(where, plain):
            found.problems.append(problem)
            continue
        requirement = Requirement(plain)
        if requirement.marker is not None and not requirement.marker.evaluate(dict(environment)):
            continue
        name = canonicalize_name(requirement.name)
        found.extras.setdefault(name, set()).update(requirement.extras)
        if name in ours:
            if not requirement.specifier.contains(Version(ours[name]), prereleases=True):
                found.problems.append(_conflict(where, requirement, ours[name], fix))
        elif not _is_exact(requirement):
            what = f"{where}: {shown(str(requirement))} is not one version"
            found.problems.append(Problem("code", what, _UNKNOWN, f"write ==; or: {fix}"))
        elif name in found.lines:
            what = f"{where}: {requirement.name} is there twice"
            found.problems.append(Problem("code", what, _UNKNOWN, "remove one of the two"))
        else:
            found.lines[name] = Line(requirement=requirement, hashes=hashes)
            hashed_lines[name] = number
    if found.hashed:
        for name, line in found.lines.items():
            if not line.hashes:
                what = f"{file.name} line {hashed_lines[name]}: {name} has no hash; others have one"
                consequence = "that library would not be verified"
                found.problems.append(Problem("code", what, consequence, fix))
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued lines joined, each with the number of its first line."""
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if held else number
        held += re.sub(r"(^|\s)#.*", "", line).strip()
        if held.endswith("\\"):
            held = held[:-1].rstrip() + " "
            continue
        if held.strip():
            yield first, held.strip()
        held = ""
    if held.strip():
        yield first, held.strip()


def _line_problem(where: str, text: str) -> Problem | None:
    if text.startswith("-") or re.search(r"\s--?[a-z]", text):
        return Problem(
            "code",
            f"{where}: {shown(text)} has an option of pip",
            "libraries come from the index of this machine, with the options of this project",
            "write the requirements of other files here; name an index in UV_DEFAULT_INDEX",
        )
    if _ELSEWHERE.search(text):
        return Problem(
            "code",
            f"{where}: {shown(text)} is a URL, a path or a version control system",
            "what is there can change, and building it would run its code",
            "publish a wheel to an index, or copy its modules into the folder",
        )
    try:
        Requirement(text)
    except InvalidRequirement:
        what = f"{where}: {shown(text)} is no requirement"
        return Problem("code", what, "the archive would lack it", "write <name>==<version>")
    return None


def _is_exact(requirement: Requirement) -> bool:
    pins = list(requirement.specifier)
    return len(pins) == 1 and pins[0].operator == "==" and not pins[0].version.endswith("*")


def _conflict(where: str, requirement: Requirement, version: str, fix: str) -> Problem:
    return Problem(
        "code",
        f"{where}: {shown(str(requirement))} is not {version}, the version of the server",
        "one process has one version of a library",
        f"write {requirement.name}=={version}, or leave the line out; for all lines: {fix}",
    )


def missing(
    libraries: Path, given: Requirements, *, ours: Mapping[str, str], environment: Mapping[str, str]
) -> list[Problem]:
    """What the packaged libraries need and nobody has: each a problem.

    Args:
        libraries: folder in which the lines of `given` are installed.
    """
    installed = {
        canonicalize_name(str(found.metadata["Name"])): found
        for place in libraries.glob("*.dist-info")
        if (found := PathDistribution(place))
    }
    versions = {name: found.version for name, found in installed.items()} | dict(ours)
    extras = {name: set(asked) for name, asked in given.extras.items()}
    problems: dict[str, Problem] = {}
    waiting = list(installed)
    while waiting:
        name = waiting.pop()
        for text in installed[name].requires or ():
            needed = Requirement(text)
            if not _applies(needed, extras.get(name, set()), environment):
                continue
            other = canonicalize_name(needed.name)
            asked = extras.setdefault(other, set())
            if not needed.extras <= asked:
                asked |= needed.extras
                waiting += [other] if other in installed else []
            version = versions.get(other)
            if version is None or not needed.specifier.contains(version, prereleases=True):
                has = f"has {version}" if version else "is not listed"
                line = f"{needed.name}{needed.specifier}"
                problems[f"{name} {line}"] = Problem(
                    "code",
                    f"{name} needs {line}, which {has}",
                    "the import would fail in the cloud",
                    "list all libraries, also those that others need: uv pip compile",
                )
    return [problems[key] for key in sorted(problems)]


def _applies(needed: Requirement, extras: set[str], environment: Mapping[str, str]) -> bool:
    if needed.marker is None:
        return True
    return any(
        needed.marker.evaluate({**environment, "extra": extra}) for extra in ("", *sorted(extras))
    )
