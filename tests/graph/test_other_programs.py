"""Programs of other teams run in their own process; each has one thing that is hard to preview."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from graph.programs import record_stack
from tests.harness.small_programs import failed, recorded, thing, written

pytestmark = pytest.mark.slow  # each starts a Python with its SDKs


def test_transforms_of_a_program_run(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        def tagged(args):
            return pulumi.ResourceTransformResult({**args.props, "team": "shop"}, args.opts)

        pulumi.runtime.register_resource_transform(tagged)
        Thing("a", {"size": 1})
        """,
    )
    assert thing(graph, "a").inputs == {"size": 1, "team": "shop"}


def test_a_duplicate_resource_is_refused_as_an_engine_does(tmp_path: Path):
    failure = failed(tmp_path, "Thing('a')\nThing('a')")
    assert "Duplicate resource URN" in failure.problems[0].what
    assert "graph/child_process" not in str(failure)


def test_the_program_may_be_in_the_folder_that_main_names(tmp_path: Path):
    written(tmp_path / "infra", "Thing('a')")
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nmain: infra/\n")
    assert thing(record_stack(tmp_path, "dev"), "a")


def test_a_recording_is_the_same_each_time(tmp_path: Path):
    program = """
    import pulumi_aws as aws
    for zone in aws.get_availability_zones().names:
        Thing(f"{zone}-a")
    for zone in aws.get_availability_zones().names:
        Thing(f"{zone}-a")
    """
    texts = {recorded(tmp_path / name, program).to_json() for name in ("one", "two", "three")}
    (text,) = texts
    names = [one["name"] for one in json.loads(text)["resources"]]
    assert names == ["shop-dev", "[unknown]-a", "[unknown]-a-2"]


ENVIRONMENTS = {
    "a virtual environment that does not exist": (
        "runtime: {name: python, options: {virtualenv: venv}}",
        "python3 -m venv venv && venv/bin/pip install -r requirements.txt",
    ),
    "an environment of uv": (
        "runtime: {name: python, options: {toolchain: uv}}",
        "uv sync",
    ),
    "an environment of poetry": (
        "runtime: {name: python, options: {toolchain: poetry}}",
        "poetry install",
    ),
    "another language": ("runtime: nodejs", "preview a program in Python"),
}


@pytest.mark.parametrize(("runtime", "fix"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_an_environment_that_is_absent_says_how_to_make_it(
    runtime: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "requirements.txt").write_text("pulumi\n")
    written(tmp_path, "Thing('a')")
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\n{runtime}\n")
    with pytest.raises(ProblemReport) as raised:
        record_stack(tmp_path, "dev")
    assert fix in raised.value.problems[0].fix
