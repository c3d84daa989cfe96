"""Alerts of S4 about an orchestration engine and its agents, and about QuDAG nodes.

A workflow of that document is a tool call at the engine, and an agent's answer is a call of one of
the agent's tools there: the engine offers the tools of agent ``developer-agent`` as
``developer-agent__<tool>``.
"""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert, RecordingRule
from .options import RuleOptions
from .targets import EXPORTER, JOB, one_of


def recorded(options: RuleOptions) -> Iterator[RecordingRule]:
    """The metrics of S4 under its names."""
    engine, within = options.engine, options.within
    if engine is None:
        return
    of = f'{JOB}="{engine}",{within}'
    total = f"sum by (job) (mcp_tool_requests_total{{{of}}})"
    failed = f"(sum by (job) (mcp_tool_errors_total{{{of}}}) or 0 * {total})"
    for status, value in (("failed", failed), ("completed", f"{total} - {failed}")):
        yield RecordingRule(
            name="workflow_executions_total",
            expression=value,
            labels=(("status", status),),
            source="S4",
        )
    if options.agents:
        yield RecordingRule(
            name="agent_response_duration_seconds_bucket",
            expression="label_replace(sum by (job, tool_name, le)"
            f' (mcp_tool_duration_seconds_bucket{{{of},tool_name=~"({"|".join(options.agents)})'
            '__.*"}), "agent", "$1", "tool_name", "(.*)__.*")',
            source="S4",
        )


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of the engine, of its agents, and of nodes with peers."""
    if options.engine is not None:
        yield from _of_the_engine(options, options.engine)
    if options.nodes is not None:
        yield from _of_nodes(options, options.nodes)


def _of_the_engine(options: RuleOptions, engine: str) -> Iterator[Alert]:
    limits = options.thresholds
    executions = f"workflow_executions_total{{{options.own}"
    yield Alert(
        name="HighWorkflowFailureRate",
        severity="warning",
        team="servers",
        scope="server",
        expression=f'sum by (job) (rate({executions},status="failed"}}[5m])) /'
        f" (sum by (job) (rate({executions}}}[5m])) > 0)"
        f" > {limits.workflow_failure_percent / 100:g}",
        duration="2m",
        summary="Many workflows fail",
        description="{{ $value | humanizePercentage }} of the workflows failed in the last 5 "
        "minutes.",
        dashboard="orchestration",
        source="S4",
    )
    if options.agents:
        yield Alert(
            name="AgentResponseTimeTooHigh",
            severity="warning",
            team="servers",
            scope="server",
            expression="histogram_quantile(0.95, sum by (job, agent, le)"
            f" (rate(agent_response_duration_seconds_bucket{{{options.own}}}[5m])))"
            f" > {limits.agent_response_seconds:g}",
            duration="3m",
            summary="An agent answers slowly",
            description="The 95th percentile of the answers of {{ $labels.agent }} is "
            "{{ $value | humanizeDuration }}.",
            dashboard="orchestration",
            source="S4",
        )
    exporting = {engine, *(agent for agent in options.agents if agent in options.exporting)}
    yield Alert(
        name="MCPServiceDown",
        severity="critical",
        team="servers",
        scope="server",
        expression=f'up{{{EXPORTER}="server",{one_of(JOB, exporting)},{options.within}}} == 0',
        duration="30s",
        summary="A pod of the orchestration does not answer",
        description="{{ $labels.pod }} of {{ $labels.job }} has not answered Prometheus for more "
        "than 30 seconds.",
        dashboard="orchestration",
        source="S4",
    )


def _of_nodes(options: RuleOptions, nodes: str) -> Iterator[Alert]:
    of = f'{JOB}="{nodes}",{options.within}'
    rounds = f"rate(qudag_consensus_rounds_total{{{of}}}[10m])"
    yield Alert(
        name="ConsensusRoundsFail",
        severity="critical",
        team="servers",
        scope="server",
        expression=f"1 - rate(qudag_consensus_decisions_total{{{of}}}[10m]) / ({rounds} > 0) > 0.5",
        duration="5m",
        summary="Most rounds between QuDAG nodes fail",
        description="{{ $value | humanizePercentage }} of the rounds of {{ $labels.pod }} found no "
        "majority.",
        dashboard="qudag",
    )
