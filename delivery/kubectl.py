"""Runs kubectl against one cluster, and turns its error messages into problems for users."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.base.problems import Problem, ProblemReport

from . import process
from .state_folders import held_locks

OLDEST = (1, 27)
"""The first kubectl with ApplySets (KEP-3659)."""

FIELD_MANAGER = "qudag-mcp"
HOW_TO_GET = (
    "install kubectl 1.27 or newer (https://kubernetes.io/docs/tasks/tools/), or use the local "
    "node, which builds its own: CLUSTER=node"
)

Object = dict[str, Any]
"""A Kubernetes object as parsed JSON."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster.

    Attributes:
        program: the executable.
        kubeconfig: the file to use; by default the user's.
        context: the context in it; always passed, so that the current context is never used.
    """

    program: Path
    context: str
    kubeconfig: Path | None = None

    def argv(self, *arguments: str) -> list[str | Path]:
        where = [f"--context={self.context}"]
        if self.kubeconfig is not None:
            where.append(f"--kubeconfig={self.kubeconfig}")
        return [self.program, *where, *arguments]

    def run(
        self,
        *arguments: str,
        stdin: str | None = None,
        timeout: float = 120,
        env: dict[str, str] | None = None,
    ) -> process.Outcome:
        """Run kubectl and return its outcome; a timeout is returned as a failure."""
        try:
            return process.run(
                self.argv(*arguments),
                stdin=stdin,
                timeout=timeout,
                env=env,
                if_killed="TERM",
                inherits=held_locks(),
            )
        except TimeoutError as late:
            return process.Outcome(1, "", f"Unable to connect to the server: {late}")

    def must(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run kubectl and return its output; raises a ``ProblemReport`` if it fails."""
        outcome = self.run(*arguments, stdin=stdin, timeout=timeout)
        if not outcome.ok:
            raise ProblemReport(explain(outcome.err, self.context))
        return outcome.out

    def objects(self, *arguments: str) -> list[Object]:
        """The objects that ``kubectl get`` finds; absent ones are left out."""
        text = self.must("get", "--ignore-not-found", "--output=json", *arguments)
        return listed(text)


def listed(text: str) -> list[Object]:
    """Parse kubectl's JSON output: empty, one object, a ``List`` or several documents."""
    objects: list[Object] = []
    decoder = json.JSONDecoder()
    position = 0
    while (start := _next_brace(text, position)) >= 0:
        value, position = decoder.raw_decode(text, start)
        objects += value["items"] if value.get("kind", "").endswith("List") else [value]
    return objects


def _next_brace(text: str, position: int) -> int:
    return text.find("{", position)


def require(program: Path) -> tuple[int, int]:
    """The version of kubectl; raises a ``ProblemReport`` if it is too old for ApplySets."""
    outcome = process.run([program, "version", "--client", "--output=json"], timeout=20)
    said = re.search(r'"gitVersion":\s*"v(\d+)\.(\d+)', outcome.out)
    if not outcome.ok or said is None:
        raise ProblemReport(
            [
                Problem(
                    str(program),
                    f"its version is unknown: {outcome.last_lines(1)}",
                    "it cannot be used to deploy",
                    HOW_TO_GET,
                )
            ]
        )
    version = (int(said[1]), int(said[2]))
    if version < OLDEST:
        raise ProblemReport(
            [
                Problem(
                    str(program),
                    f"kubectl {version[0]}.{version[1]} is older than {OLDEST[0]}.{OLDEST[1]}",
                    "objects that were removed from the stack could not be pruned",
                    HOW_TO_GET,
                )
            ]
        )
    return version


_EXPLANATIONS: Sequence[tuple[str, str, str]] = (
    (
        r"connection refused|no such host|i/o timeout|Unable to connect|was refused|"
        r"no route to host|network is unreachable|TLS handshake timeout|context deadline exceeded",
        "the cluster does not answer",
        "check that it runs and that this machine can connect: kubectl --context={context} version",
    ),
    (
        r"Unauthorized|must be logged in|provide credentials|expired",
        "the cluster does not accept these credentials",
        "renew them as your cluster's provider says, then run this again",
    ),
    (
        r"[Ff]orbidden.*(User|cannot)|cannot (get|list|create|patch|delete) resource",
        "these credentials lack a permission",
        "ask for the named permission, or use another context",
    ),
    (
        r"Apply failed with \d+ conflict|conflict with \"",
        "another field manager has changed fields that this stack owns",
        "undo it in the cluster, with kubectl edit or for an image with kubectl rollout undo; or "
        "write it into the stack file. qudag-mcp diagnose prints the fields",
    ),
    (
        r"no matches for kind|could not find the requested resource|doesn't have a resource type",
        "the cluster lacks a resource type that the stack uses",
        "install the operator of the named types, or choose a kind without it",
    ),
    (
        r"exceeded quota|violates PodSecurity|admission webhook",
        "the cluster's own rules refuse an object",
        "change the stack's configuration so that it fits the rule that is named",
    ),
    (
        r"field is immutable|updates to statefulset spec",
        "the change is to an immutable field",
        "delete the named object (a StatefulSet with --cascade=orphan keeps its pods and "
        "volumes), then run this again",
    ),
)


_RETRIED = re.compile(
    r"WARNING: failed to update ApplySet: .*?Retrying with conflicts forced\.\n?", re.DOTALL
)
"""A warning that kubectl prints on the first deployment of a stack, and that is no failure."""


def explain(complaint: str, context: str) -> list[Problem]:
    """Convert kubectl's error output to problems with an explanation and a fix."""
    complaint = _RETRIED.sub("", complaint)
    words = _own_words(complaint)
    for pattern, meaning, fix in _EXPLANATIONS:
        if re.search(pattern, complaint):
            return [
                Problem(
                    f"context {context}",
                    f"{meaning}: {words}",
                    "the deployment stopped; the next run continues from the applied objects",
                    fix.format(context=context),
                )
            ]
    return [
        Problem(
            f"context {context}",
            f"kubectl refused: {words}",
            "the deployment stopped; the next run continues from the applied objects",
            "fix the named error and run this again",
        )
    ]


def _own_words(complaint: str, most: int = 4) -> str:
    """The error lines of kubectl's output, without warnings, log headers and repetitions."""
    kept: dict[str, None] = {}
    for line in complaint.splitlines():
        text = re.sub(r"^[EWI]\d{4} [\d:.]+ +\d+ \S+\] ?", "", line).strip()
        if text.startswith("Please review the fields above"):
            break
        text = re.sub(r"\{.{80,}\}", "{…}", text)
        if text and not text.startswith(("Warning:", "Unhandled Error")) and "memcache" not in line:
            kept[text.removeprefix("error: ").removeprefix("Error from server ")] = None
    lines = list(kept) or [complaint.strip() or "it said nothing"]
    more = f" (and {len(lines) - most} more lines)" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def reference(thing: Object) -> str:
    """The reference of an object: ``Kind/namespace/name``, or ``Kind/name``."""
    metadata = thing["metadata"]
    parts: Iterable[str | None] = (thing["kind"], metadata.get("namespace"), metadata["name"])
    return "/".join(part for part in parts if part)
