"""A background attempt that fails during a deployment fails the deployment."""

from __future__ import annotations

import threading
import time

import pytest

from components.base.problems import Problem, ProblemReport
from delivery import deploy, process
from delivery.deploy import retry_until_done

REFUSED = ProblemReport([Problem("secrets", "forbidden", "pods wait", "ask for the right")])


def test_an_attempt_is_repeated_until_it_succeeds() -> None:
    tries: list[int] = []
    done = threading.Event()

    def attempt() -> bool:
        tries.append(1)
        if len(tries) == 3:
            done.set()
        return done.is_set()

    with retry_until_done(attempt, "secrets", every=0.01):
        assert done.wait(10)
    assert len(tries) == 3


def test_a_failed_attempt_interrupts_the_block() -> None:
    def attempt() -> bool:
        raise REFUSED

    started = time.monotonic()
    with pytest.raises(ProblemReport, match="forbidden"), retry_until_done(attempt, "secrets"):
        process.run(["sleep", "30"])
    assert time.monotonic() - started < 20


def test_ctrl_c_raises_keyboard_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), retry_until_done(lambda: True, "secrets"):
        raise KeyboardInterrupt


def test_a_failure_of_the_block_itself_is_raised() -> None:
    with pytest.raises(ProblemReport, match="forbidden"), retry_until_done(lambda: True, "secrets"):
        raise REFUSED


def test_an_attempt_that_does_not_end_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "LAST_ATTEMPT_SECONDS", 0.1)
    begun, over = threading.Event(), threading.Event()

    def attempt() -> bool:
        begun.set()
        return over.wait(20)

    with (
        pytest.raises(ProblemReport, match=r"not created within 0\.1 s"),
        retry_until_done(attempt, "secrets"),
    ):
        assert begun.wait(10)
    over.set()
