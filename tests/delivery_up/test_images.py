"""A changed image is another reference, so Kubernetes rolls its pods; an unchanged one is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.problems import ProblemReport
from delivery import images
from delivery.images import Images, fingerprint, recipe, repository, used

NGINX = "docker.io/nginxinc/nginx-unprivileged:1.29"


def pod(*names: str) -> dict[str, Any]:
    containers = [{"name": f"c{at}", "image": name} for at, name in enumerate(names)]
    return {"containers": containers[1:], "initContainers": containers[:1]}


def workload(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    template = {"template": {"spec": spec}}
    shapes = {"Pod": spec, "CronJob": {"jobTemplate": {"spec": template}}}
    return {"kind": kind, "metadata": {"name": "w"}, "spec": shapes.get(kind, template)}


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "StatefulSet", "Job", "CronJob"])
def test_every_container_of_every_kind_of_workload_is_found_and_replaced(kind: str) -> None:
    manifest = workload(kind, pod("a:1", "b:1"))
    assert used([manifest]) == ["a:1", "b:1"]
    (put,) = Images({"b:1": "b:1@sha256:x"}).put_into([manifest])
    assert used([put]) == ["a:1", "b:1@sha256:x"]
    assert used([manifest]) == ["a:1", "b:1"]


def test_objects_without_pods_stay_as_they_are() -> None:
    manifest = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}
    assert Images({"a": "b"}).put_into([manifest]) == [manifest]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        (NGINX, "nginx-unprivileged"),
        ("docker.io/library/postgres:17", "postgres"),
        ("registry:5000/a/b@sha256:00", "b"),
        ("localhost:5000/plain", "plain"),
    ],
)
def test_an_image_is_known_by_the_last_part_of_its_name(name: str, last: str) -> None:
    assert repository(name) == last


def test_every_image_of_dev_has_a_stand_in() -> None:
    from stacks.config import Images as Configured

    stated = Configured()
    for name in (stated.gateway, stated.postgres, stated.valkey):
        assert recipe(name).debian


def test_an_image_without_a_recipe_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProblemReport) as report:
        recipe("ghcr.io/acme/own:1")
    assert "CLUSTER=context:NAME" in report.value.problems[0].fix


def test_a_fingerprint_changes_with_every_file_that_goes_in(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    arguments = ["--debian=python3", f"--add={tmp_path}:/"]
    before = fingerprint(arguments)
    assert fingerprint(arguments) == before
    (tmp_path / "a.py").write_text("2")
    changed = fingerprint(arguments)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, changed, fingerprint(arguments)}) == 3


def test_a_fingerprint_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("1")
    assert fingerprint([f"--add={tmp_path / 'x'}:/"]) == fingerprint([f"--add={tmp_path / 'y'}:/"])


def test_the_server_image_holds_the_whole_package_and_its_program(tmp_path: Path) -> None:
    arguments = images.server_arguments(tmp_path)
    package = tmp_path / "app" / "qudag_mcp_server"
    assert {file.name for file in package.iterdir()} == {
        file.name for file in images.RUNTIME.glob("*.py")
    }
    assert (tmp_path / "usr/local/bin/qudag-mcp-server").stat().st_mode & 0o111
    assert any(argument.endswith("requirements.txt") for argument in arguments)
