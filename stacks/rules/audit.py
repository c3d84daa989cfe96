"""Rules for the audit log: a database that has it, and no call past those who write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.kubernetes.schedule import schedule_problem

from ..agentgateway import has_agentgateway
from ..config.stack import StackConfig
from ..services import topology
from ..topologies.topology import POSTGRES
from .rule import Rule, at, path_of

LEAST_DAYS: Final = 90
"""S3: logs are kept for 90 days for audit and compliance."""
_OPTIONS: Final = {
    "mode": "mode",
    "arguments": "arguments",
    "wait_seconds": "waitSeconds",
    "retention_days": "retentionDays",
    "schedule": "schedule",
    "bucket": "bucket",
}


def the_log_has_a_database(config: StackConfig) -> Iterator[Problem]:
    """The topology has PostgreSQL, and a migration that makes the log."""
    if not config.audit.enabled:
        return
    if POSTGRES not in topology(config).data:
        yield at(
            "audit.enabled",
            f"is true, and the topology {config.topology} has no PostgreSQL",
            "no call would be recorded",
            "choose a topology with PostgreSQL, such as microservices, or remove audit",
        )
    elif not topology(config).jobs:
        yield at(
            "audit.enabled",
            f"is true, and the topology {config.topology} has no migration",
            "the table of the audit log would not exist, and no call could be recorded",
            "choose a topology with one, such as microservices, or remove audit",
        )


def options_have_an_effect(config: StackConfig) -> Iterator[Problem]:
    """No option of a log that is off."""
    if config.audit.enabled:
        return
    for field, written in _OPTIONS.items():
        if field in config.audit.model_fields_set:
            yield at(
                f"audit.{written}",
                "is set, and audit.enabled is false",
                "it would have no effect: no call is recorded",
                "set audit.enabled: true, or remove it",
            )


def the_schedule_is_valid(config: StackConfig) -> Iterator[Problem]:
    """The schedule is one of a CronJob."""
    if what := schedule_problem(config.audit.schedule):
        yield at(
            "audit.schedule",
            f"{config.audit.schedule!r}: {what}",
            "the API server refuses the CronJob",
            "write five fields, such as 17 2 * * *, or a macro such as @daily",
        )


def prod_keeps_rows_for_long(config: StackConfig) -> Iterator[Problem]:
    """Rows of prod are kept for as long as the source documents ask."""
    days = config.audit.retention_days
    if config.environment == "prod" and days is not None and days < LEAST_DAYS:
        yield at(
            "audit.retentionDays",
            f"is {days}, and environment is prod",
            "rows would be gone before the time that S3 asks for: 90 days",
            f"set at least {LEAST_DAYS}",
        )


def rows_are_written_within_a_call(config: StackConfig) -> Iterator[Problem]:
    """A call waits less for its row than it may take."""
    wait, longest = config.audit.wait_seconds, config.protocol.longest_tool_seconds
    if config.audit.enabled and wait >= longest:
        yield at(
            "audit.waitSeconds",
            f"is {wait} s, and a tool may run {longest} s (protocol.longestToolSeconds)",
            "clients would give up before a call whose row cannot be written is refused",
            f"set less than {longest}",
        )


def every_call_passes_a_writer(config: StackConfig) -> Iterator[Problem]:
    """With the mode required, no server is reached past the servers that write rows."""
    if not config.audit.enabled or config.audit.mode != "required":
        return
    for name, server in config.exposed_servers.items():
        path = path_of("servers", name, "auth")
        if server.auth == "server":
            yield at(
                path,
                "is server: the gateway asks nobody about its calls, and audit.mode is required",
                "its calls would run without a row",
                "set auth: gateway, or audit.mode: best-effort",
            )
        elif has_agentgateway(config):
            yield at(
                path,
                "is checked by agentgateway itself, and audit.mode is required",
                "its calls would run without a row",
                "set images.gatewayEngine: nginx, or audit.mode: best-effort",
            )


AUDIT_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("audit", "topology", "data", "servers"), the_log_has_a_database),
    (("audit",), options_have_an_effect),
    (("audit.schedule",), the_schedule_is_valid),
    (("audit.retentionDays", "environment"), prod_keeps_rows_for_long),
    (("audit", "protocol.longestToolSeconds"), rows_are_written_within_a_call),
    (("audit", "servers", "edge"), every_call_passes_a_writer),
]
