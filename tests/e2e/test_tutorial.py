"""The tutorial's commands on a cluster print what it shows, in order, `make down` included."""

from __future__ import annotations

from tests.harness.tutorial import ROOT, run, steps, unmatched


def test_the_steps_on_a_cluster_print_what_the_tutorial_shows() -> None:
    reached = False
    for step in steps():
        reached = reached or "make up" in step.commands
        if not reached:
            continue
        ended = [run(command, ROOT) for command in step.commands]
        output = "".join(one.stdout for one in ended)
        assert [one.returncode for one in ended] == [0] * len(ended), output
        assert unmatched(step.printed, output) is None, f"{step.title}\n{output}"
    assert reached
