"""Every test is in a tier that somebody runs: nothing falls between `make test` and the others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.harness.tiers import sampled

ROOT: Final = Path(__file__).parents[2]
MAKEFILE: Final = (ROOT / "Makefile").read_text()
APART: Final = {
    "backup",
    "cluster",
    "controllers",
    "e2e",
    "engine",
    "monitoring",
    "topologies",
    "bench",
}
"""Folders that need a cluster, an engine or a quiet machine; each has a target of its own."""


def recipe(target: str) -> str:
    """What a target runs."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found, f"no target {target}"
    return found[1]


def test_a_test_is_either_in_test_or_in_test_slow():
    assert recipe("test") == '\t@$(PYTEST) -m "not slow" --cpu-limit 6 $(TEST) $(HERE)\n'
    assert recipe("test-slow") == "\t@$(PYTEST) -m slow $(SLOW) $(HERE)\n"


def test_each_sampled_row_is_in_one_tier_and_the_first_is_in_make_test():
    rows = [1, (2, "b"), pytest.param(3, id="c"), pytest.param(4, marks=pytest.mark.smoke), 5]
    found = sampled(rows, 2)
    assert [one.values for one in found] == [(1,), (2, "b"), (3,), (4,), (5,)]
    assert found[2].id == "c"
    names = [[mark.name for mark in one.marks] for one in found]
    assert names == [[], ["slow"], [], ["smoke", "slow"], []]


def test_folders_outside_both_tiers_have_a_make_target():
    assert set(re.findall(r"--ignore=tests/(\w+)", MAKEFILE)) == APART
    for folder in APART:
        assert re.search(rf"\btests/{folder}\b", recipe(f"test-{folder}"))


def test_no_tier_of_its_own_leaves_slow_tests_out():
    assert not any("-m" in recipe(f"test-{folder}").split() for folder in APART)


def test_make_check_runs_the_fast_and_the_slow_tier():
    run = re.findall(r"\$\(MAKE\) --no-print-directory ([\w-]+)", recipe("check"))
    assert run == ["test", "test-slow", "test-cluster", "test-e2e-smoke"]


def test_make_check_tests_flows_a_rollout_and_an_interruption_on_real_pods():
    assert recipe("test-e2e-smoke") == "\t@$(PYTEST) -rs -m smoke tests/e2e\n"
    marked = {
        file.name
        for file in (ROOT / "tests/e2e").rglob("test_*.py")
        if "mark.smoke" in file.read_text()
    }
    assert marked == {
        "test_platform.py",
        "test_flows_on_pods.py",
        "test_rollouts.py",
        "test_interruption_kubectl.py",
    }


def test_every_folder_of_tests_is_collected():
    """`testpaths` is the whole folder, and no module of tests has a name that pytest passes by."""
    assert 'testpaths = ["tests"]' in (ROOT / "pyproject.toml").read_text()
    modules = [*(ROOT / "tests").rglob("*.py")]
    holding = [
        file for file in modules if re.search(r"^(async )?def test_", file.read_text(), re.M)
    ]
    assert [str(file) for file in holding if not file.name.startswith("test_")] == []
