"""Writes a graph as files: ``graph.json`` and one manifest per object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.base.problems import Problem, ProblemReport
from graph.manifests import manifests, to_yaml
from graph.resource_graph import ResourceGraph

_GRAPH = "graph.json"
_INDEX = ".rendered"  # lists the rendered files, so that the next render removes only those


@dataclass(frozen=True)
class Rendered:
    """The result of a render: the number of manifests, and the stale files that were removed."""

    folder: Path
    manifests: int
    removed: tuple[str, ...]


def render(graph: ResourceGraph, folder: Path) -> Rendered:
    """Write ``graph`` to ``folder``, and remove stale files of an earlier render.

    Raises ProblemReport, before anything is written, if the folder contains other files.
    """
    files = {_GRAPH: graph.to_json()} | {
        f"manifests/{name}": to_yaml(written) for name, written in manifests(graph).items()
    }
    earlier = _earlier(folder)
    try:
        (folder / "manifests").mkdir(parents=True, exist_ok=True)
        (folder / _INDEX).write_text("\n".join(sorted(earlier | files.keys())) + "\n")
        for name, text in files.items():
            (folder / name).write_text(text)
        stale = sorted(earlier - files.keys())
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        (folder / _INDEX).write_text("\n".join(sorted(files)) + "\n")
    except OSError as error:
        what = error.strerror or str(error)
        raise _refused(folder, what, "correct that, or choose another folder") from error
    return Rendered(folder, len(files) - 1, tuple(stale))


def _earlier(folder: Path) -> set[str]:
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise _refused(folder, "it is a file", "name a folder")
    if (index := folder / _INDEX).is_file():
        return {name for name in index.read_text().splitlines() if _is_ours(name)}
    if any(folder.iterdir()):
        raise _refused(
            folder, "it holds files that no render wrote", "empty it, or choose another folder"
        )
    return set()


def _is_ours(name: str) -> bool:
    """Whether a render can have written this name: an edited index must not delete other files."""
    path = Path(name)
    return name == _GRAPH or (path.parts[:1] == ("manifests",) and len(path.parts) == 2)


def _refused(folder: Path, what: str, fix: str) -> ProblemReport:
    consequence = "nothing is rendered, so that no file of yours is lost"
    return ProblemReport([Problem(path=str(folder), what=what, consequence=consequence, fix=fix)])
