"""Rendering is reproducible, and deletes only files of an earlier render."""

from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.render import render
from graph.resource_graph import ResourceGraph
from tests.harness.graphs import cloud, graph, kube


def configs(*names: str) -> ResourceGraph:
    return graph(*(kube("core/v1:ConfigMap", name) for name in names))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob("*") if file.is_file()}  # fmt: skip


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path):
    render(configs("a", "b"), tmp_path / "out")
    first = contents(tmp_path / "out")
    render(configs("b", "a"), tmp_path / "out")
    assert contents(tmp_path / "out") == first


def test_a_render_holds_the_graph_and_one_file_an_object(tmp_path: Path):
    done = render(graph(kube("core/v1:ConfigMap", "a"), cloud("aws:s3:Bucket", "b")), tmp_path)
    assert done.manifests == 1
    assert [file.name for file in (tmp_path / "manifests").iterdir()] == [
        "300-configmap-core-a.yaml"
    ]
    written = ResourceGraph.from_json((tmp_path / "graph.json").read_text())
    assert {resource.name for resource in written.resources} == {"a", "b", "qudag-mcp-dev"}


def test_stale_manifests_of_an_earlier_render_are_removed(tmp_path: Path):
    render(configs("stays", "goes"), tmp_path)
    done = render(configs("stays"), tmp_path)
    assert done.removed == ("manifests/300-configmap-core-goes.yaml",)
    assert [file.name for file in (tmp_path / "manifests").iterdir()] == [
        "300-configmap-core-stays.yaml"
    ]


def test_files_that_a_person_put_there_stay(tmp_path: Path):
    render(configs("a"), tmp_path)
    (tmp_path / "manifests" / "mine.yaml").write_text("mine")
    (tmp_path / "README").write_text("mine")
    render(configs("b"), tmp_path)
    assert (tmp_path / "manifests" / "mine.yaml").read_text() == "mine"
    assert (tmp_path / "README").exists()


def test_a_folder_with_anything_else_in_it_is_refused_untouched(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ProblemReport, match="no render wrote"):
        render(configs("a"), tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_an_index_that_names_other_files_deletes_none_of_them(tmp_path: Path):
    out = tmp_path / "out"
    render(configs("a"), out)
    (tmp_path / "precious").write_text("x")
    (out / ".rendered").write_text("../precious\nmanifests/../../precious\n/etc/hostname\n")
    render(configs("a"), out)
    assert (tmp_path / "precious").exists()


def test_an_empty_folder_is_taken(tmp_path: Path):
    assert render(configs("a"), tmp_path).manifests == 1


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ProblemReport, match="it is a file"):
        render(configs("a"), tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_a_problem_and_no_traceback(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ProblemReport, match="Not a directory"):
        render(configs("a"), tmp_path / "file" / "out")
