"""The dashboards that the source documents name, and one for each MCP server of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...mcp.metrics import Exporter
from . import data_panels as data
from . import gateway_panels as gateway
from . import log_panels as logs
from . import pod_panels as pods
from . import server_panels as servers
from . import trace_panels as traces
from .dashboard import Dashboard, Section
from .objectives import objective
from .user_server_pages import user_server_pages


@dataclass(frozen=True, kw_only=True)
class DashboardOptions:
    """The platform whose dashboards are made.

    Attributes:
        namespaces: those that the dashboards select at first: the platform's, all of them.
        exporters: the programs of the stack that export metrics.
        servers: of each MCP server of a user, the path at the gateway, by name.
        named: metrics of the images of such servers by their meaning; see ``MonitoredServer``.
        availability: share of requests that must not fail.
    """

    namespaces: Sequence[str]
    exporters: frozenset[Exporter]
    servers: Mapping[str, str] = field(default_factory=dict[str, str])
    named: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    availability: float = 0.999


def pages(options: DashboardOptions) -> list[Dashboard]:
    """Every dashboard of a platform that has a panel."""
    every = [
        *_pages_of_s3(options.availability),
        *_pages_of_other_documents(),
        *user_server_pages(options.servers, options.named, options.availability),
    ]
    shown = [page.for_exporters(options.exporters) for page in every]
    return [page for page in shown if page.sections]


def _pages_of_s3(availability: float) -> Iterator[Dashboard]:
    """The five of "MCP Servers Production Deployment Guide"."""
    yield Dashboard(
        name="qudag-mcp-overview",
        title="System overview",
        purpose="Is the platform well: does it answer, how fast, and how near to its objective?",
        sections=[
            objective(availability),
            Section(
                title="Health",
                panels=[
                    pods.TARGETS,
                    pods.DEPENDENCIES,
                    servers.REQUESTS,
                    servers.DURATION,
                    servers.FAILURES,
                    servers.IN_FLIGHT,
                ],
            ),
        ],
    )
    yield Dashboard(
        name="qudag-mcp-service",
        title="Service performance",
        purpose="Which server, tool or path is slow or fails?",
        sections=[
            Section(
                title="Requests",
                panels=[
                    servers.REQUESTS,
                    servers.DURATION,
                    servers.METHODS,
                    servers.FAILURES,
                    servers.ERROR_TYPES,
                    servers.HTTP,
                    servers.SESSIONS,
                ],
            ),
            Section(
                title="Tools",
                panels=[
                    servers.TOOL_REQUESTS,
                    servers.TOOL_DURATION,
                    servers.TOOL_ERRORS,
                    servers.STREAMS,
                ],
            ),
            Section(title="Resources and prompts", panels=[servers.RESOURCES, servers.PROMPTS]),
            Section(
                title="Other servers whose tools are offered",
                panels=[servers.OTHER_SERVERS, servers.ERRORS_OF_OTHER_SERVERS],
            ),
            gateway.GATEWAY,
        ],
    )
    yield Dashboard(
        name="qudag-mcp-infrastructure",
        title="Infrastructure",
        purpose="Which pod, database or cache is short of something, and how much processor time "
        "does a request use?",
        sections=[
            Section(
                title="Pods",
                panels=[
                    pods.PROCESSOR,
                    pods.MEMORY,
                    pods.FILES,
                    pods.TARGETS,
                    pods.DRAINING,
                    pods.WORKERS,
                ],
            ),
            Section(
                title="What requests and pods use", panels=[pods.PROCESSOR_TIME, pods.ALL_MEMORY]
            ),
            data.DATABASE,
            data.CACHE,
            data.RESTORES,
            logs.LOGS,
            traces.TRACES,
        ],
    )
    yield Dashboard(
        name="qudag-mcp-security",
        title="Security",
        purpose="Who is refused, and is every call in the audit log?",
        sections=[
            Section(title="Refusals", panels=[gateway.REFUSED, gateway.LIMITED, servers.LIMITED]),
            data.AUDIT,
            Section(title="Secrets and keys", panels=[data.SECRET_AGES, data.ISSUER_KEYS]),
            data.EGRESS,
        ],
    )
    yield Dashboard(
        name="qudag-mcp-business",
        title="Business",
        purpose="What is the platform used for: which tools, resources and prompts, how much?",
        sections=[
            Section(
                title="Use",
                panels=[
                    servers.USED_TOOLS,
                    gateway.USED_SERVERS,
                    servers.RESOURCES,
                    servers.PROMPTS,
                    servers.STREAMS,
                ],
            )
        ],
    )


def _pages_of_other_documents() -> Iterator[Dashboard]:
    """One for each of the three others that draw a dashboard."""
    yield Dashboard(
        name="qudag-mcp-qudag",
        title="QuDAG MCP server",
        purpose="Request rate, response time and consensus of QuDAG's nodes.",
        sections=[
            Section(title="Requests", panels=[servers.REQUESTS, servers.DURATION]),
            data.CONSENSUS,
        ],
    )
    yield Dashboard(
        name="qudag-mcp-server",
        title="MCP server",
        purpose="Rate, duration and errors of tools, and memory, for one server or several.",
        sections=[
            Section(
                title="Tools",
                panels=[
                    servers.TOOL_REQUESTS,
                    servers.TOOL_DURATION,
                    servers.TOOL_ERRORS,
                    pods.MEMORY,
                ],
            )
        ],
    )
    yield Dashboard(
        name="qudag-mcp-orchestration",
        title="MCP orchestration platform",
        purpose="Do the engine and its agents finish their calls, how fast, and how busy are they?",
        sections=[
            Section(
                title="Calls of the engine and its agents",
                panels=[
                    servers.SUCCESS,
                    servers.CALL_DURATION_OF_SERVERS,
                    servers.IN_FLIGHT,
                    servers.CALLS_OF_SERVERS,
                ],
            ),
            data.DATABASE,
        ],
    )
