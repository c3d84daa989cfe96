"""The summary that ``up`` prints: addresses, how to call a tool, and the running workloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .images import used
from .stack_identity import ROOT, StackIdentity
from .up import UpResult

_MONITORING: Final[Mapping[tuple[str, str], tuple[str, int]]] = {
    ("StatefulSet", "prometheus"): ("metrics and alerts", 9090),
    ("StatefulSet", "alertmanager"): ("silences", 9093),
    ("Deployment", "grafana"): ("dashboards", 3000),
    ("StatefulSet", "log-store"): ("log lines", 9428),
    ("StatefulSet", "trace-store"): ("traces", 16686),
}
"""By kind and name of a workload, what people look at in it, and its port."""
_FIRST = ("mcp_url", "prm_url", "issuer", "era")


def announcement(done: UpResult, stack: StackIdentity) -> RenderableType:
    """The summary of a successful ``up``."""
    public = done.deployed.public()
    facts = Table.grid(padding=(0, 2))
    servers: Mapping[str, Mapping[str, Any]] = public.pop("servers", None) or {}
    stand_ins: list[str] = public.pop("stand_ins", None) or []
    public |= {f"servers.{name}": one["mcp_url"] for name, one in servers.items()}
    for name in [*_FIRST, *sorted(set(public) - set(_FIRST))]:
        if public.get(name) not in (None, []):
            facts.add_row(Text(name, style="bold"), Text(_shown(public[name]), overflow="fold"))
    parts: list[RenderableType] = [Text(""), facts, Text(""), _workloads(done), Text("")]
    parts += [Text(line) for line in _notes(done)]
    parts += [Text(line) for line in _stand_ins(stand_ins)]
    where = "" if stack.root == ROOT else f" -C {stack.root}"
    option = where + ("" if stack.name == "dev" else f" --stack {stack.name}")
    parts.append(Text(""))
    if done.forwarding:
        parts.append(Text(f"No load balancer; forward a port to connect:\n  {done.forwarding}"))
    if pages := list(_pages_of_monitoring(done)):
        heading = "Look at what is monitored, one port at a time (docs/how-to/monitor.md):"
        parts.append(Text("\n".join([heading, *pages, ""]), overflow="fold", no_wrap=True))
    if servers:
        parts.append(Text(_how_to_call_servers(servers, option)))
    elif public.get("mcp_url"):
        parts.append(Text(f"Call a tool:\n  .venv/bin/qudag-mcp call{option} echo text=hello"))
    return Group(*parts)


def _shown(output: Any) -> str:
    if isinstance(output, list):
        return ", ".join(str(each) for each in cast("list[Any]", output))
    return str(output)


def _stand_ins(servers: list[str]) -> Iterator[str]:
    """A line for each server whose image is not configured."""
    for name in servers:
        yield (
            f"stand-in   {name}: the reference server runs in its place; set servers.{name}.image"
        )


def _pages_of_monitoring(done: UpResult) -> Iterator[str]:
    """The command that forwards the port of each workload of monitoring that people look at."""
    for workload in done.workloads:
        metadata = workload["metadata"]
        shown = _MONITORING.get((workload["kind"], metadata["name"]))
        if shown:
            what, port = shown
            place = f"--namespace={metadata['namespace']}"
            target = f"{workload['kind'].lower()}/{metadata['name']}"
            command = done.cluster.kubectl.argv("port-forward", place, target, str(port))
            yield f"  {what}: https://localhost:{port}\n    {' '.join(map(str, command))}"


def _how_to_call_servers(servers: Mapping[str, Mapping[str, Any]], option: str) -> str:
    """For the first server that takes tokens of the local issuer; another needs one of its own."""
    takes_ours = [name for name, one in servers.items() if one.get("auth") != "server"]
    name = next(iter(takes_ours or servers))
    option += "" if takes_ours else " --token TOKEN"
    program = ".venv/bin/qudag-mcp"
    return (
        f"List the tools of a server, and call one:\n  {program} tools{option} {name}\n"
        f"  {program} call{option} {name}/TOOL KEY=VALUE"
    )


def _workloads(done: UpResult) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("workload", "namespace", "pods", "images"):
        table.add_column(column, overflow="fold")
    for workload in done.workloads:
        metadata = workload["metadata"]
        pods = 1 if workload["kind"] == "Job" else workload["spec"].get("replicas", "scaled")
        images = [image.partition("@")[0].rpartition("/")[2] for image in used([workload])]
        table.add_row(
            f"{workload['kind']} {metadata['name']}",
            metadata.get("namespace", ""),
            str(pods),
            ", ".join(images),
        )
    return table


def _notes(done: UpResult) -> list[str]:
    counts = ", ".join(f"{count} {name}" for name, count in done.changes.items())
    total = "nothing changed" if done.nothing_changed else counts
    notes = [
        f"objects    {total}" + (f"; created {len(done.secrets)} secrets" if done.secrets else ""),
        f"cluster    {done.cluster.name} ({done.cluster.why})",
        f"engine     {done.engine.name}",
    ]
    if done.engine.pulumi is None:
        notes.append(f"           there is no Pulumi state ({done.engine.why})")
    notes += [f"stand-in   {stand_in}" for stand_in in done.images.stand_ins]
    return [*notes, f"checked    {done.checks}", f"elapsed    {done.seconds:.0f} s"]
