"""Writes the versions of `components/versions.json` to every file that names one.

``python -m tools.versions``, which is `make versions`. Python code reads the file itself; this
writes what cannot: requirements, Dockerfile, stack files, examples, documentation, schema.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from components.base.image_reference import PLACEHOLDER
from components.base.versions import VERSIONS, numbers

ROOT = Path(__file__).resolve().parents[1]

PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md", "tools/node/README.md")
LEFT_OUT = (".venv", "docs/sources")
"""The pages of the source documents have the documents' own versions."""
PROGRAMS = (
    *("examples/**/*.py", "examples/**/*.ts", "examples/**/Dockerfile"),
    *("examples/**/Pulumi.yaml", "examples/**/Pulumi.*.yaml", "ci/**/*.yml"),
    *("Pulumi.*.yaml", "runtime/*Dockerfile"),
)


@dataclass(frozen=True)
class Place:
    """Where a version is written.

    Attributes:
        files: globs from the root of the repository.
        pattern: what stands there, whatever its version.
        write: what is to stand there, from the match.
    """

    files: tuple[str, ...]
    pattern: str
    write: Callable[[re.Match[str]], str]


def places() -> Iterator[Place]:
    """Every place outside Python code."""
    yield from map(_image, VERSIONS["images"].values())  # type: ignore[arg-type]
    yield from _requirements()
    yield from _emulators()
    yield from _named_in_words()


def _image(image: str) -> Place:
    """Wherever the last part of an image's name follows a registry or path, with a tag."""
    tagged, _, ours = image.partition("@")
    name, _, tag = tagged.rpartition("/")[2].partition(":")

    def write(found: re.Match[str]) -> str:
        digest = f"@{ours}" if ours else found["digest"] or ""
        if ours:
            return f"{found['before']}{name}:{tag}{digest}"
        if digest and found["tag"] != tag:
            digest = PLACEHOLDER  # of another image: `up` refuses it until yours is written
        return f"{found['before']}{name}:{tag}{digest}"

    return Place(
        (*PAGES, *PROGRAMS),
        rf"(?P<before>/|tools/node/image ){re.escape(name)}:(?P<tag>\w[\w.-]*\w|\w)"
        r"(?P<digest>@sha256:(?:[0-9a-f]{64}))?",
        write,
    )


def _requirements() -> Iterator[Place]:
    """Exact in the program's list, a range in the wheel's."""
    for name, version in VERSIONS["packages"].items():
        major, minor, *_ = numbers(version)
        exact, wide = f"{name}=={version}", f'"{name}>={major}.{minor},<{major + 1}"'
        yield Place(("requirements.in",), rf"(?m)^{name}[<=>].*$", lambda _, exact=exact: exact)
        yield Place(("pyproject.toml",), rf'"{name}[<=>][^"]*"', lambda _, wide=wide: wide)


def _emulators() -> Iterator[Place]:
    for name, version in VERSIONS["emulators"].items():
        text = f'"{name}": "{version}"'
        pattern = rf'"{re.escape(name)}": "\d[\w.-]*"'
        yield Place(("tools/npm/package.json",), pattern, lambda _, text=text: text)


def _named_in_words() -> Iterator[Place]:
    python, pulumi = VERSIONS["python"], VERSIONS["pulumi"]
    for files, before, version in (
        (PAGES, r"\bPulumi`? |`pulumi` ", pulumi["oldest"] + " or newer"),
        (PAGES, r"\bCPython ", python["compiler"]),
        (PAGES, r"\bAll use Python |\(arm64, Python ", python["functions"]),
        (("tools/setup",), r"\bneeds Python |says it needs Python ", python["functions"]),
        (("tools/node/README.md",), r"\bKubernetes ", VERSIONS["kubernetes"]["localNode"]),
    ):
        shape = r"v?\d+(?:\.\d+)+(?: or newer)?" if "newer" not in version else r"\d+\.\d+ or newer"
        yield Place(
            files,
            rf"(?P<before>{before}){shape}(?![\w])",
            lambda found, version=version: found["before"] + version,
        )


def write() -> list[str]:
    """Write every place that differs; the files that were changed, from the root."""
    changed: list[str] = []
    for place in places():
        for glob in place.files:
            for file in sorted(ROOT.glob(glob)):
                if any(file.is_relative_to(ROOT / folder) for folder in LEFT_OUT):
                    continue
                before = file.read_text()
                after = re.sub(place.pattern, place.write, before)
                if after != before:
                    file.write_text(after)
                    changed.append(str(file.relative_to(ROOT)))
    return sorted({*changed, *_generated()})


def _generated() -> Iterator[str]:
    """What is made from Python code: the schema of the stack files, tables in the documentation."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "schema/stack.json"]
    before = {page: page.read_text() for page in pages}
    schema = _output("-m", "delivery", "schema")
    (ROOT / "schema/stack.json").write_text(schema)
    _output("-m", "tools.docs")
    return (str(page.relative_to(ROOT)) for page in pages if page.read_text() != before[page])


def _output(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def by_hand() -> Iterator[str]:
    """What remains to be done, since it needs the network or a decision."""
    locked = dict(re.findall(r"(?m)^([\w-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text()))
    behind = [
        f"{name} {locked.get(name, 'absent')} -> {version}"
        for name, version in VERSIONS["packages"].items()
        if locked.get(name) != version
    ]
    if behind:
        yield f"run tools/lock: requirements.txt has {', '.join(behind)}"
    module, wanted = ROOT / "tools/node/mods/go.mod", VERSIONS["kubernetes"]["localNode"]
    if f"k8s.io/kubernetes {wanted}\n" not in module.read_text():
        yield f"in tools/node/mods: go get k8s.io/kubernetes@{wanted} && go mod tidy"
    if numbers(VERSIONS["pulumi"]["cli"]) < numbers(VERSIONS["packages"]["pulumi"]):
        yield (
            "pulumi.cli is older than packages.pulumi: write the SDK's release or a newer one, "
            "with the checksums of its archives"
        )


def main() -> None:
    """Write the places, and print what was changed and what is left to do."""
    for name in write():
        print(f"wrote {name}")
    for step in by_hand():
        print(f"to do: {step}")


if __name__ == "__main__":
    main()
