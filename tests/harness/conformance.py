"""What every host of the server must do, and what its cloud keeps it from: a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .server import ERAS

HOSTS: Mapping[str, str] = {
    "uvicorn": "Kubernetes: uvicorn",
    "container": "ECS, Cloud Run, Azure containers: uvicorn, configured by environment",
    "cloud_run_function": "Cloud Run function: functions-framework",
    "lambda_http_api": "Lambda behind an HTTP API: awslambdaric",
    "lambda_url": "Lambda, function URL: awslambdaric",
    "lambda_stream": "Lambda, streaming function URL: `hosts/stream`",
    "azure_function": "Azure Functions: azure-functions-runtime",
}
"""Each with the name under which it is shown: where it is used, and what runs it."""

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
    """What a cloud publishes that it does not give, in some eras, and what happens instead.

    Attributes:
        holds: the check that shows what happens instead.
        source: the cloud's document.
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
        cell="with the end",
        why="an answer leaves whole, so progress arrives with the result",
        source="Response streaming for Lambda functions: HTTP APIs and buffered URLs do not stream",
    ),
    Limited(
        hosts=("lambda_http_api", "lambda_url", "lambda_stream"),
        point="cancellation",
        eras=("modern",),
        holds="runs_to_its_end",
        cell="legacy only",
        why="the function is not told that its client went, which is how the modern era cancels:"
        " such a call runs to its end",
        source="Response streaming for Lambda functions: a stream is not stopped when the "
        "client's connection breaks; Invoke: a client may disconnect during an invocation",
    ),
)


def limit_of(host: str, point: str, era: str) -> Limited | None:
    """What keeps `host` from `point` in `era`; None where nothing does."""
    for limit in LIMITS:
        if host in limit.hosts and point == limit.point and era in limit.eras:
            return limit
    return None


def cell_of(host: str, point: str) -> str:
    """What the table says when all is as it should be."""
    for number, limit in enumerate(LIMITS, start=1):
        if host in limit.hosts and point == limit.point:
            return f"{limit.cell} ({number})"
    return "passed"


def table(cells: Mapping[tuple[str, str], str]) -> str:
    """The result table in Markdown, a row a point; `cells` by host and point."""
    letters = dict(zip(HOSTS, "ABCDEFG", strict=True))
    rows = [
        f"| {shown} | " + " | ".join(cells[host, point] for host in HOSTS) + " |"
        for point, shown in POINTS.items()
    ]
    return "\n".join(
        [
            f"| | {' | '.join(letters.values())} |",
            "|---" * (len(HOSTS) + 1) + "|",
            *rows,
            "",
            *(f"- {letters[host]}: {shown}" for host, shown in HOSTS.items()),
            *(
                f"- ({number}) {limit.why} ({limit.source})"
                for number, limit in enumerate(LIMITS, 1)
            ),
        ]
    )


def expected() -> dict[tuple[str, str], str]:
    """All cells as they should be."""
    return {(host, point): cell_of(host, point) for host in HOSTS for point in POINTS}
