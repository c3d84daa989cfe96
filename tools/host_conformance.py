"""The conformance table of the server's hosts, which the documentation shows and tests check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ERAS: Final = ("modern", "legacy")
"""The protocol eras that each point is tested in."""

HOSTS: Mapping[str, str] = {
    "uvicorn": "Kubernetes: uvicorn",
    "container": "ECS, Cloud Run, Azure containers: uvicorn, configured by environment",
    "cloud_run_function": "Cloud Run function: functions-framework",
    "lambda_http_api": "Lambda behind an HTTP API: awslambdaric",
    "lambda_url": "Lambda, function URL: awslambdaric",
    "lambda_stream": "Lambda, streaming function URL: `hosts/stream`",
    "azure_function": "Azure Functions: azure-functions-runtime",
}
"""Hosts by key; the value is the host's name in the table."""

POINTS: Mapping[str, str] = {
    "hello": "initialize or discovery",
    "tools_list": "tools/list",
    "tools_call": "tools/call",
    "progress": "progress",
    "cancellation": "cancellation",
    "unknown_tool": "unknown tool",
    "malformed_body": "malformed body",
    "oversized_body": "oversized body",
    "no_token": "no token",
    "metadata": "metadata",
}


@dataclass(frozen=True, kw_only=True)
class Limited:
    """A point that a cloud's documented limit prevents, in some eras.

    Attributes:
        holds: name of the check that is run in place of the point.
        source: the cloud's document that states the limit.
    """

    hosts: tuple[str, ...]
    point: str
    eras: tuple[str, ...]
    holds: str
    cell: str
    why: str
    source: str


LIMITS: tuple[Limited, ...] = (
    Limited(
        hosts=("lambda_http_api", "lambda_url"),
        point="progress",
        eras=ERAS,
        holds="progress_with_the_end",
        cell="with the result",
        why="the response is buffered, so progress arrives with the result",
        source="Response streaming for Lambda functions: HTTP APIs and buffered URLs do not stream",
    ),
    Limited(
        hosts=("lambda_http_api", "lambda_url", "lambda_stream"),
        point="cancellation",
        eras=("modern",),
        holds="runs_to_its_end",
        cell="legacy only",
        why="the modern era cancels by closing the connection, of which Lambda does not inform"
        " the function: the call runs to its end",
        source="Response streaming for Lambda functions: a stream is not stopped when the "
        "client's connection breaks; Invoke: a client may disconnect during an invocation",
    ),
)


def limit_of(host: str, point: str, era: str) -> Limited | None:
    """The documented limit of `host` for `point` in `era`, if there is one."""
    for limit in LIMITS:
        if host in limit.hosts and point == limit.point and era in limit.eras:
            return limit
    return None


def cell_of(host: str, point: str) -> str:
    """The text of a cell when its test passes."""
    for number, limit in enumerate(LIMITS, start=1):
        if host in limit.hosts and point == limit.point:
            return f"{limit.cell} ({number})"
    return "passed"


def table(cells: Mapping[tuple[str, str], str]) -> str:
    """The table in Markdown, one row a point; `cells` is keyed by host and point."""
    columns = dict(zip(HOSTS, "ABCDEFG", strict=True))
    rows = [
        f"| {shown} | " + " | ".join(cells[host, point] for host in HOSTS) + " |"
        for point, shown in POINTS.items()
    ]
    return "\n".join(
        [
            f"| | {' | '.join(columns.values())} |",
            "|---" * (len(HOSTS) + 1) + "|",
            *rows,
            "",
            *(f"- {columns[host]}: {shown}" for host, shown in HOSTS.items()),
            *(
                f"- ({number}) {limit.why} ({limit.source})"
                for number, limit in enumerate(LIMITS, 1)
            ),
        ]
    )


def expected() -> dict[tuple[str, str], str]:
    """All cells of a run in which every test passes."""
    return {(host, point): cell_of(host, point) for host in HOSTS for point in POINTS}
