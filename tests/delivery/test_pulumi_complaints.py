"""From the output of a failed Pulumi, the lines with the cause are shown."""

from __future__ import annotations

from typing import Final

from delivery.process import Outcome
from delivery.pulumi_stack import complaint

INTERRUPTED: Final = """\
    Traceback (most recent call last):
      File "/opt/pulumi/pulumi-language-python-exec", line 232, in <module>
        loop.run_until_complete(coro)
    KeyboardInterrupt
    During handling of the above exception, another exception occurred:
    Traceback (most recent call last):
      File "/opt/pulumi/pulumi-language-python-exec", line 244, in <module>
        executor.shutdown(wait=True)
      File "/usr/lib/python3.11/threading.py", line 1139, in _wait_for_tstate_lock
        if lock.acquire(block, timeout):
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    KeyboardInterrupt
"""
"""What the host of Python prints when Pulumi ends it after an error elsewhere."""


def said(diagnostics: str) -> str:
    out = f"Updating (dev):\nDiagnostics:\n{diagnostics}\nResources:\n    + 1 created\n"
    return complaint(Outcome(1, out, ""))


def test_the_end_of_an_interrupted_program_does_not_hide_the_error():
    shown = said(f"  pulumi:providers:aws (default):\n    error: no plugin aws\n\n{INTERRUPTED}")
    assert "no plugin aws" in shown
    assert "Traceback" not in shown
    assert "KeyboardInterrupt" not in shown


def test_the_traceback_of_a_fault_of_the_program_is_shown():
    fault = (
        '    Traceback (most recent call last):\n      File "a.py", line 1\n    ValueError: no\n'
    )
    shown = said(fault + INTERRUPTED)
    assert shown.endswith("ValueError: no")
    assert 'File "a.py", line 1' in shown


def test_a_program_that_was_only_interrupted_is_reported_as_that():
    assert said(INTERRUPTED) == "it was interrupted"
