"""Serves the rules to the engine as a policy pack: each rule is a policy with the rule's id.

This is the protocol of policy packs itself. The library `pulumi-policy` reads all resources again
for each policy, and turns one unknown value into the end of a policy (ADR 53).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from components.base.problems import Problem, ProblemReport
from graph.resource_graph import ResourceGraph
from policies import Finding, Severity, Waivers, every_rule, findings
from policies.type_names import with_one_spelling
from policies.waivers import read_waivers

from .program import ROOT, Program, folder_of_parent, program
from .stack_graph import StackGraph

NAME: Final = "qudag-mcp"
DOCUMENTATION: Final = "docs/policies.md"
WAIVERS: Final = "policy-waivers"
"""The policy that refuses a `policy-waivers.yaml` with faults."""
_LARGEST: Final = 400 * 1024 * 1024
_SEVERITIES: Final = {
    Severity.CRITICAL: analyzer_pb2.POLICY_SEVERITY_CRITICAL,
    Severity.HIGH: analyzer_pb2.POLICY_SEVERITY_HIGH,
    Severity.MEDIUM: analyzer_pb2.POLICY_SEVERITY_MEDIUM,
    Severity.LOW: analyzer_pb2.POLICY_SEVERITY_LOW,
}


class Analyzer(analyzer_pb2_grpc.AnalyzerServicer):
    """The rules, for one stack: the engine starts a pack for each preview and each `up`."""

    def __init__(self, project: str, stack: str, started_from: Path | None = None) -> None:
        """A pack for one stack; ``started_from`` as in ``program``."""
        self._project = project
        self._stack = stack
        self._started_from = started_from
        self._told = StackGraph()
        self._levels: dict[str, analyzer_pb2.EnforcementLevel.ValueType] = {}

    @cached_property
    def program(self) -> Program:
        """The program that is checked."""
        return program(self._project, started_from=self._started_from)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=_version())

    def Handshake(self, request: Any, context: Any) -> Any:
        return analyzer_pb2.AnalyzerHandshakeResponse()

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        self._project, self._stack = request.project, request.stack
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Configure(self, request: Any, context: Any) -> Any:
        """Keeps how each rule is enforced: what the pack proposes, or what the user configured."""
        self._levels = {name: each.enforcementLevel for name, each in request.policyConfig.items()}
        return empty_pb2.Empty()

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
        """One policy a rule, and one for the file with waivers."""
        policies = [
            analyzer_pb2.PolicyInfo(
                name=rule.id,
                displayName=rule.id,
                description=f"Refuses {rule.refuses}",
                remediation_steps=rule.fix,
                url=rule.reference,
                severity=_SEVERITIES[rule.severity],
                enforcementLevel=self._proposed(rule.severity),
                policy_type=analyzer_pb2.POLICY_TYPE_STACK,
            )
            for rule in every_rule().values()
        ]
        policies.append(
            analyzer_pb2.PolicyInfo(
                name=WAIVERS,
                displayName=WAIVERS,
                description="Refuses a policy-waivers.yaml that cannot be read",
                enforcementLevel=analyzer_pb2.MANDATORY,
                policy_type=analyzer_pb2.POLICY_TYPE_STACK,
            )
        )
        return analyzer_pb2.AnalyzerInfo(
            name=NAME,
            displayName=NAME,
            version=_version(),
            supportsConfig=True,
            policies=policies,
        )

    def Analyze(self, request: Any, context: Any) -> Any:
        """Notes the inputs of one resource; rules are applied once all resources are known."""
        self._told.note(request)
        return analyzer_pb2.AnalyzeResponse()

    def Remediate(self, request: Any, context: Any) -> Any:
        """Changes nothing: a rule says what to write."""
        return analyzer_pb2.RemediateResponse()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def AnalyzeStack(self, request: Any, context: Any) -> Any:
        """The findings of all rules on all resources of the stack."""
        graph = self._told.graph(self._project, self._stack, request.resources)
        return analyzer_pb2.AnalyzeResponse(diagnostics=[*self._diagnostics(graph)])

    def _diagnostics(self, graph: ResourceGraph) -> Iterator[analyzer_pb2.AnalyzeDiagnostic]:
        waivers = Waivers()
        try:
            waivers = read_waivers(self.program.folder) if self.program.folder else waivers
        except ProblemReport as report:
            for problem in report.problems:
                yield _diagnostic(WAIVERS, problem, analyzer_pb2.MANDATORY)
        found = findings(graph, own=self.program.own)
        for each in _waived(found, waivers, graph):
            level = self._levels.get(each.rule, self._proposed(each.severity))
            if level == analyzer_pb2.DISABLED:
                continue
            if each.waiver is not None:
                level = analyzer_pb2.ADVISORY
            yield _diagnostic(each.rule, each.problem, level, each)

    def _proposed(self, severity: Severity) -> analyzer_pb2.EnforcementLevel.ValueType:
        """Critical findings stop every stack; all findings stop those of this checkout."""
        if self.program.own or severity is Severity.CRITICAL:
            return analyzer_pb2.MANDATORY
        return analyzer_pb2.ADVISORY


def _waived(found: list[Finding], waivers: Waivers, graph: ResourceGraph) -> list[Finding]:
    """The findings with the reasons of the entries that waive them.

    `preview` refuses an entry that waives nothing. The engine knows fewer values in a preview, so
    that here it may only mean that the value is not known yet.
    """
    named = with_one_spelling(graph)
    each = [
        *(Waivers(waivers=(one,)) for one in waivers.waivers),
        *(Waivers(accepted=(one,)) for one in waivers.accepted),
    ]
    for entry in each:
        with contextlib.suppress(ProblemReport):
            found = entry.apply(found, named)
    return found


def _diagnostic(
    rule: str,
    problem: Problem,
    level: analyzer_pb2.EnforcementLevel.ValueType,
    finding: Finding | None = None,
) -> analyzer_pb2.AnalyzeDiagnostic:
    waived = f"\n    waived: {finding.waiver}" if finding and finding.waiver else ""
    return analyzer_pb2.AnalyzeDiagnostic(
        policyName=rule,
        policyPackName=NAME,
        policyPackVersion=_version(),
        description=f"{DOCUMENTATION}#{rule}",
        message=f"{problem}{waived}",
        enforcementLevel=level,
        urn=finding.urn if finding else "",
        severity=_SEVERITIES[finding.severity] if finding else analyzer_pb2.POLICY_SEVERITY_HIGH,
    )


def _version() -> str:
    described: dict[str, Any] = yaml.safe_load(
        (ROOT / "policies/pack/PulumiPolicy.yaml").read_text()
    )
    return described["version"]


def serve() -> None:
    """Serves the engine until it ends this process."""
    options = [("grpc.max_receive_message_length", _LARGEST)]
    server = grpc.server(ThreadPoolExecutor(4), options=options)
    project, stack = (os.environ.get(name, "") for name in ("PULUMI_PROJECT", "PULUMI_STACK"))
    analyzer = Analyzer(project, stack, folder_of_parent())
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(analyzer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Event().wait()
