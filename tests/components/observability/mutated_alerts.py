"""Changes each alert in small ways, and prints the changes that no case of promtool notices.

    .venv/bin/python -m tests.components.observability.mutated_alerts [ALERT...]

It changes thresholds by a fifth, comparisons, durations by 30 seconds, and matchers of labels, one
at a time. Exit status 1: a change went unnoticed that `EQUIVALENT` does not list. It takes minutes,
so that no tier of tests runs it.
"""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from components.observability.rules.catalogue import every_alert
from tests.components.observability.test_promtool import (
    CASES,
    PROMTOOL,
    cases_of,
    of_two_platforms,
    rules_of,
)

STEP_SECONDS: Final = 30
SHARE: Final = 0.2
AT_ONCE: Final = 40
"""Files of one run of promtool."""
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_COMPARED: Final = re.compile(r" (==|!=|>=|<=|>|<) (-?\d+(?:\.\d+)?(?:e-?\d+)?)(?=[\s)]|$)")
_SELECTOR: Final = re.compile(r"\{([^}]*)\}")
_MATCHER: Final = re.compile(r'\w+(?:=~|!~|!=|=)"[^"]*"')
OTHERS: Final = {">": ("<", ">="), "<": (">", "<="), "==": ("!=",), "!=": ("==",), ">=": ("<",)}
_WHOLE: Final = "it counts whole numbers"
_OTHER_SIDE: Final = "the other side of the operator has it, and both have the label"
_THREE_DAYS: Final = "a day above 3 is three days above 1, for which it fires as well"
EQUIVALENT: Final[dict[tuple[str, str], str]] = {
    ("ServerRestarts", "> 2 -> 2.4"): _WHOLE,
    ("ValkeyReplicasMissing", "< 2 -> 1.6"): _WHOLE,
    ("PodCrashLooping", ">= 1 -> 0.8"): _WHOLE,
    ("ValkeyMemoryNearLimit", "> 0 -> 1"): "a limit of one byte or less is none",
    ("QuotaNearlyUsed", "> 0 -> 1"): "quotas are at least 1",
    ("AutoscalerAtMaximum", "without namespace"): _OTHER_SIDE,
    ("AvailabilityBudgetBurnsFast", "without namespace"): _OTHER_SIDE,
    ("AvailabilityBudgetBurnsSlowly", "without namespace"): _OTHER_SIDE,
    ("AvailabilityBudgetBurnsSlowly", "> 0.003 -> 0.0036"): _THREE_DAYS,
    ("LatencyBudgetBurnsFast", "without namespace"): _OTHER_SIDE,
    ("LatencyBudgetBurnsSlowly", "without namespace"): _OTHER_SIDE,
    ("LatencyBudgetBurnsSlowly", "> 0.15 -> 0.18"): _THREE_DAYS,
    ("CallsCancelledByDrain", "> 0 -> 1"): _WHOLE,
    ("ConsensusRoundsFail", "without job"): _OTHER_SIDE,
    ("ConsensusRoundsFail", "without namespace"): _OTHER_SIDE,
    ("DatabaseConnectionPoolExhausted", "without namespace"): _OTHER_SIDE,
    ("DrainNearItsEnd", "without namespace"): _OTHER_SIDE,
    ("LogLinesDropped", 'without exporter="log-collector" at 297'): _OTHER_SIDE,
    ("LogLinesDropped", 'without job="log-collector" at 297'): _OTHER_SIDE,
    ("LogLinesDropped", 'without namespace=~"agents|mcp" at 297'): _OTHER_SIDE,
    ("LogQueueFilling", "without exporter"): _OTHER_SIDE,
    ("LogQueueFilling", "without job"): _OTHER_SIDE,
    ("LogQueueFilling", "without namespace"): _OTHER_SIDE,
    ("OpenFilesNearLimit", "without exporter"): _OTHER_SIDE,
    ("OpenFilesNearLimit", "without namespace"): _OTHER_SIDE,
    ("QuotaNearlyUsed", "without namespace"): _OTHER_SIDE,
    ("ValkeyMemoryNearLimit", "without namespace"): _OTHER_SIDE,
    **{
        (f"{budget}BudgetBurnsSlowly", f'namespace="mcp" -> namespace="another" at {at}'): (
            _THREE_DAYS
        )
        for budget, places in {
            "Availability": (38, 105, 41, 111),
            "Latency": (37, 102, 40, 108),
        }.items()
        for at in places  # of the windows of 1 day and 2 hours, at servers and at the platform
    },
    ("HighWorkflowFailureRate", "> 0 -> >="): "0 of 0 calls is no number, which no alert is above",
    ("ConsensusRoundsFail", "> 0 -> >="): "0 of 0 rounds is no number, which no alert is above",
}
"""Changes of an alert that no series can show, and why; by how the change begins."""


@dataclass(frozen=True)
class Change:
    """An alert's rule with one change, in words."""

    alert: str
    what: str
    expression: str
    duration: str


def changes(alert: str, expression: str, duration: str) -> Iterator[Change]:
    """Every change of a rule."""

    def changed(what: str, text: str = expression, wait: str = duration) -> Change:
        return Change(alert, what, text, wait)

    number, unit = int(duration[:-1]), duration[-1]
    seconds = number * UNITS[unit]
    for other in (seconds + STEP_SECONDS, seconds - STEP_SECONDS):
        if other >= 0:
            yield changed(f"for: {duration} -> {other}s", wait=f"{other}s")
    for found in _COMPARED.finditer(expression):
        operator, limit = found.groups()
        before, after = expression[: found.start()], expression[found.end() :]
        value = float(limit)
        if value > 1e12:
            continue
        for other in (value * (1 + SHARE), value * (1 - SHARE)) if value else (1.0,):
            text = f"{before} {operator} {other:.6g}{after}"
            yield changed(f"{operator} {limit} -> {other:.6g}", text)
        for other in OTHERS[operator]:
            if other in (">=", "<=") and value:
                continue  # a rate is never equal to a threshold
            yield changed(f"{operator} {limit} -> {other}", f"{before} {other} {limit}{after}")
    for selector in _SELECTOR.finditer(expression):
        for matcher in _MATCHER.finditer(selector[1]):
            kept = [one for one in _MATCHER.findall(selector[1]) if one != matcher[0]]
            start, end = expression[: selector.start()], expression[selector.end() :]
            yield changed(
                f"without {matcher[0]} at {selector.start()}",
                f"{start}{{{','.join(kept)}}}{end}",
            )
            wrong = re.sub(r'"[^"]*"', '"another"', matcher[0])
            yield changed(
                f"{matcher[0]} -> {wrong} at {selector.start()}",
                f"{start}{{{','.join([*kept, wrong])}}}{end}",
            )


def every_change(alert: str) -> Iterator[tuple[Change, dict[str, Any]]]:
    """Each change, with the rule file that has it."""
    rules = rules_of(alert)
    for number, rule in enumerate(rules["groups"][0]["rules"]):
        if rule.get("alert") != alert:
            continue
        for change in changes(alert, rule["expr"], rule["for"]):
            file = copy.deepcopy(rules)
            file["groups"][0]["rules"][number] |= {
                "expr": change.expression,
                "for": change.duration,
            }
            yield change, file


def _rounds(alert: str) -> list[tuple[int, dict[str, Any]]]:
    """The tests of an alert with the seconds of their step, those with few evaluations first."""
    tests = [(step, one) for step, of_step in cases_of(alert) for one in of_step]

    def evaluations(step_and_test: tuple[int, dict[str, Any]]) -> float:
        step, one = step_and_test
        ends = (int(each["eval_time"].removesuffix("s")) for each in one["promql_expr_test"])
        return max(ends) / step

    return sorted(tests, key=evaluations)


def _failed(folder: Path, files: Mapping[str, int]) -> set[int]:
    """The numbers of the files whose tests fail."""
    names, failed = list(files), set[int]()
    for first in range(0, len(names), AT_ONCE):
        ran = subprocess.run(
            [str(PROMTOOL), "test", "rules", *names[first : first + AT_ONCE]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        for name, said in re.findall(
            r"Unit Testing:\s+(\S+)(.*?)(?=Unit Testing:|\Z)", ran.stdout + ran.stderr, re.DOTALL
        ):
            if "SUCCESS" not in said:
                failed.add(files[name])
    return failed


def unnoticed(alert: str, folder: Path) -> Iterator[Change]:
    """The changes of an alert with which its cases still hold.

    A change that one case has shown is not tried with the next.
    """
    left = dict(enumerate(every_change(alert)))
    for number, (_, rules) in left.items():
        (folder / f"{number}.rules.yaml").write_text(yaml.safe_dump(rules))
    for place, (step, one) in enumerate(_rounds(alert)):
        files: dict[str, int] = {}
        for number in left:
            name = f"{number}.{place}.yaml"
            every = {"evaluation_interval": f"{step}s", "rule_files": [f"{number}.rules.yaml"]}
            (folder / name).write_text(yaml.safe_dump({**every, "tests": [one]}))
            files[name] = number
        for number in _failed(folder, files):
            del left[number]
    # With the rules of another platform in the same Prometheus.
    if (case := CASES.get(alert)) is not None:
        files = {}
        for number, (_, rules) in left.items():
            own = folder / f"{number}-beside"
            own.mkdir()
            files[str(of_two_platforms(own, alert, case, rules).relative_to(folder))] = number
        for number in _failed(folder, files):
            del left[number]
    yield from (change for change, _ in left.values())


def equivalent(change: Change) -> str | None:
    """Why no series can show a change; None: one could."""
    for (alert, begins), reason in EQUIVALENT.items():
        if alert == change.alert and change.what.startswith(begins):
            return reason
    return None


def main(alerts: list[str]) -> int:
    """Print the changes that go unnoticed."""
    number, left = 0, 0
    for alert in alerts or list(every_alert()):
        with tempfile.TemporaryDirectory() as folder:
            number += sum(1 for _ in every_change(alert))
            for change in unnoticed(alert, Path(folder)):
                reason = equivalent(change)
                left += reason is None
                print(f"{alert}: {change.what}" + (f" (no difference: {reason})" if reason else ""))
    print(f"{number} changes, {left} unnoticed")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
