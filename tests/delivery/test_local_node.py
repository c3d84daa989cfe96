"""Messages of the local node become problems with what, consequence and fix."""

from __future__ import annotations

import os

import pytest

from delivery import local_node
from delivery.process import Outcome, run


def test_each_line_of_the_nodes_is_a_problem_of_its_own() -> None:
    said = (
        "node: not root\x1fno mounts: none can be made\x1frun it as root: sudo\n"
        "node: no go on PATH\x1fnothing can be built\x1finstall Go\n"
    )
    first, second = local_node.problems_of(Outcome(1, "", said))
    assert first.consequence == "no mounts: none can be made"
    assert first.fix == "run it as root: sudo"
    assert second.what == "no go on PATH"


def test_other_error_lines_are_reported_too() -> None:
    (problem,) = local_node.problems_of(Outcome(1, "", "up: line 9: unbound variable\n"))
    assert "unbound variable" in problem.what


def test_the_nodes_scripts_speak_in_the_form_that_is_read() -> None:
    script = f". {local_node.FOLDER}/lib.sh; message 'a: b' 'c: d' 'e: f'"
    outcome = run(["bash", "-c", script], env={"NODE_SEPARATOR": "\x1f"}, timeout=20)
    (problem,) = local_node.problems_of(outcome)
    assert (problem.what, problem.consequence, problem.fix) == ("a: b", "c: d", "e: f")


def test_a_user_other_than_root_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    problems = {problem.what: problem.fix for problem in local_node.obstacles()}
    assert "sudo make up" in problems["this machine cannot run it: you are not root"]


def test_the_addresses_in_certificates_are_those_that_the_node_gives() -> None:
    script = f". {local_node.FOLDER}/lib.sh; echo $lb_net"
    assert run(["bash", "-c", script], timeout=20).out.strip() == "10.250.1.0/28"
    assert local_node.BALANCERS[0] == "10.250.1.1"
    assert len(local_node.BALANCERS) == 14
