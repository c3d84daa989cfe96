"""Causes that programs write into their logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from .cause import Cause, Rank
from .evidence import Evidence

LOG_PATTERNS: Final[tuple[tuple[str, str, str, str], ...]] = (
    (
        r"password authentication failed|WRONGPASS|invalid username-password",
        "a store refuses the password",
        "the Secret and the store have different passwords: docs/how-to/rotate-secrets.md",
        "the-database-refuses-connections",
    ),
    (
        r"certificate verify failed|certificate has expired|unable to get local issuer",
        "it refuses the certificate of what it connects to",
        "renew the certificate, or give both the same CA: docs/how-to/rotate-secrets.md",
        "a-certificate-is-refused",
    ),
    (
        r"No space left on device|disk is full|could not extend file",
        "its volume is full",
        "raise the size of the volume in the stack file",
        "the-database-refuses-connections",
    ),
    (
        r"unknown key; did you mean|is no (valid )?TOML|invalid configuration|\[emerg\]",
        "it refuses its configuration",
        "correct the setting that the message names, then make up",
        "pods-do-not-start",
    ),
    (
        r"Name or service not known|name resolution|could not resolve|NXDOMAIN",
        "it cannot resolve a name",
        "see that the cluster's DNS answers, and that network.dns in the stack file is right",
        "a-service-is-not-reachable",
    ),
    (
        r"connection refused|Connection refused|timed out connecting|connect\(\) failed",
        "something that it needs does not accept connections",
        "see whether that runs, and whether a network policy lets the connection through",
        "a-service-is-not-reachable",
    ),
)


def from_logs(evidence: Evidence) -> Iterator[Cause]:
    """The likeliest cause in the log of each container that is not ready."""
    for namespace, pod, container in sorted(evidence.logs.keys() & evidence.failing()):
        text = evidence.logs[namespace, pod, container]
        for pattern, what, fix, section in LOG_PATTERNS:
            lines = [line for line in text.splitlines() if re.search(pattern, line)]
            if lines:
                yield Cause(
                    Rank.IN_LOG,
                    Problem(
                        f"Pod/{namespace}/{pod}, container {container}",
                        f"{what}: {lines[-1].strip()[:300]}",
                        "it is not ready, or was not",
                        fix,
                    ),
                    section,
                )
                break
