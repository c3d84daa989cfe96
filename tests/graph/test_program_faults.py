"""Missing configuration, faults and exits of programs that are recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.harness.small_programs import failed, recorded, thing

pytestmark = pytest.mark.slow  # each starts a Python with its SDKs


def test_a_program_without_a_stack_file_has_an_empty_configuration(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        config = pulumi.Config()
        Thing("a", {"size": config.get_int("size") or 3, "where": pulumi.get_stack()})
        """,
    )
    assert thing(graph, "a").inputs == {"size": 3, "where": "dev"}


def test_all_missing_and_mistyped_configuration_is_reported_at_once(tmp_path: Path):
    failure = failed(
        tmp_path,
        """
        config = pulumi.Config()
        Thing(config.require("name"), {"password": config.require_secret("password")})
        zone = pulumi.Config("gcp").require("zone")
        Thing("b", {"size": config.require_int("size"), "zone": zone})
        """,
        stack="config:\n  shop:size: many\n",
        project="config:\n  owner: {type: string}\n",
    )
    assert [(problem.path, problem.fix) for problem in failure.problems] == [
        ("shop:name", "pulumi config set name <value> --stack dev"),
        ("shop:password", "pulumi config set --secret password <value> --stack dev"),
        ("gcp:zone", "pulumi config set gcp:zone <value> --stack dev"),
        ("shop:size", "pulumi config set size <int> --stack dev"),
        ("shop:owner", "pulumi config set owner <value> --stack dev"),
    ]


def test_an_error_that_follows_from_missing_configuration_is_not_reported_as_well(tmp_path: Path):
    failure = failed(
        tmp_path,
        """
        sizes = pulumi.Config().require_object("sizes")
        Thing("a", {"size": int(sizes["a"])})
        """,
    )
    assert [problem.path for problem in failure.problems] == ["shop:sizes"]
    assert failure.traceback == ""


def test_a_fault_that_follows_from_missing_configuration_is_not_reported_as_well(tmp_path: Path):
    failure = failed(tmp_path, "pulumi.Config().require('name')\nThing(None)")
    assert [problem.path for problem in failure.problems] == ["shop:name"]
    assert failure.traceback == ""


def test_an_encrypted_value_is_secret_and_not_known_to_functions(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import base64
        config = pulumi.Config()
        key = config.require_secret("key").apply(lambda text: base64.b64decode(text, validate=True))
        Thing("a", {"key": key, "plain": config.require("key")})
        """,
        stack="config:\n  shop:key: {secure: v1:abc}\n",
    )
    assert thing(graph, "a").inputs == {"key": "[secret]", "plain": "[secret]"}


def test_a_missing_environment_variable_is_named(tmp_path: Path):
    failure = failed(tmp_path, "import os\nThing(os.environ['SHOP_TOKEN'])")
    (problem,) = failure.problems
    assert problem.path == "environment variable SHOP_TOKEN"
    assert failure.traceback == ""


def test_a_missing_module_says_how_to_install_it(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("pulumi-imaginary>=2\n")
    failure = failed(tmp_path, "import pulumi_imaginary.things")
    (problem,) = failure.problems
    assert problem.path == "__main__.py:10"
    assert problem.what == f"the module pulumi_imaginary is not installed in {sys.prefix}"
    assert problem.fix.startswith(f"in {tmp_path}: pip install -r requirements.txt")
    assert failure.traceback == ""


def test_a_fault_of_the_program_shows_its_own_frames_only(tmp_path: Path):
    (tmp_path / "rooms.py").write_text("def room(number):\n    return {}[number]\n")
    failure = failed(tmp_path, "import rooms\nrooms.room(7)\n")
    (problem,) = failure.problems
    assert (problem.path, problem.what) == ("rooms.py:2", "KeyError: 7")
    lines = failure.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{tmp_path}/__main__.py", line 11, in <module>'
    assert lines[-1] == "KeyError: 7"
    assert "graph/child_process" not in failure.traceback
    assert "runpy" not in failure.traceback


def test_a_fault_names_the_values_that_can_be_its_cause(tmp_path: Path):
    failure = failed(
        tmp_path,
        """
        import pulumi_aws as aws
        many = len(aws.get_availability_zones().names)
        Thing("a", {"zone": pulumi.Config("aws").get("region") + "a" * many})
        """,
    )
    (problem,) = failure.problems
    assert problem.fix == (
        "correct the program there; only a cloud knows "
        "aws:index/getAvailabilityZones:getAvailabilityZones names; "
        "Pulumi.dev.yaml does not set aws:region"
    )


def test_a_fault_in_a_function_of_an_output_shows_its_frame(tmp_path: Path):
    failure = failed(tmp_path, "Output.from_input('a').apply(lambda text: text.missing)")
    assert failure.problems[0].path == "__main__.py:10"
    assert "graph/child_process" not in failure.traceback
    assert "line 10, in <lambda>" in failure.traceback


def test_a_fault_without_a_frame_of_the_program_shows_no_frame_of_ours(tmp_path: Path):
    failure = failed(tmp_path, "Output.from_input('a').apply(5)")
    assert failure.problems[0].what == "TypeError: 'int' object is not callable"
    assert "Traceback" in failure.traceback
    assert "graph/child_process" not in failure.traceback


def test_only_an_exit_with_an_error_fails_the_preview(tmp_path: Path):
    graph = recorded(tmp_path / "done", "Thing('a')\nraise SystemExit(0)")
    assert thing(graph, "a")
    failure = failed(tmp_path / "closed", "Thing('a')\nraise SystemExit('closed today')")
    assert failure.problems[0].what == "the program ended itself: closed today"


def test_an_error_that_the_program_logs_ends_the_preview(tmp_path: Path):
    failure = failed(tmp_path, "pulumi.log.error('no quota')\nThing('a')")
    assert failure.problems[0].what == "no quota"


def test_a_program_may_print_and_use_threads_and_coroutines(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import asyncio, sys, threading
        print("noise", flush=True)
        print("more noise", file=sys.stderr)
        found = []
        worker = threading.Thread(target=lambda: found.append("from a thread"))
        worker.start()
        worker.join()

        async def later():
            await asyncio.sleep(0)
            return "from a coroutine"

        Thing("a", {"thread": found[0], "coroutine": later()})
        threading.Thread(target=lambda: sys.stdin.read(), daemon=True).start()
        """,
    )
    assert thing(graph, "a").inputs == {
        "thread": "from a thread",
        "coroutine": "from a coroutine",
    }


def test_modules_of_a_program_may_have_the_names_of_ours(tmp_path: Path):
    for name in ("components", "graph", "policies"):
        (tmp_path / f"{name}.py").write_text(f"NAME = '{name} of the shop'\n")
    graph = recorded(
        tmp_path,
        "import components, graph, policies\nThing('a', {'of': [components.NAME, graph.NAME]})",
    )
    assert thing(graph, "a").inputs["of"] == ["components of the shop", "graph of the shop"]
