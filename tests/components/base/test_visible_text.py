"""Problems show characters that would control a terminal or the direction of a line."""

from __future__ import annotations

import pytest

from components.base.problems import Problem, ProblemReport
from graph.failures import ProgramFailed

CONTROLS = ["\x1b[2J", "\x00", "\r", "\x9b31m", "\u202e", "\u2066", "\x7f", "\u200f"]


@pytest.mark.parametrize("control", CONTROLS)
def test_no_part_of_a_problem_controls_the_terminal(control: str):
    problem = Problem(*(f"{name}{control}" for name in ("path", "what", "so", "fix")))
    for text in (ProblemReport([problem]), ProgramFailed([problem], f"traceback{control}\n")):
        assert control[0] not in str(text)
        assert "what" in str(text)


def test_lines_tabs_and_other_scripts_stay_as_they_are():
    text = "Zürich\t東京\nŁódź"
    assert text in str(ProblemReport([Problem(text, "", "", "")]))
