"""The runbooks of a platform's alerts, with the names of its own namespaces and workloads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .rules.alert import Alert
from .rules.options import RUNBOOKS, RuleOptions

EXAMPLE_NAMESPACE: Final = "qudag-mcp-prod"
"""The platform's namespace in the commands of the pages; places follow after a dash."""
EXAMPLE_STACK: Final = "prod"
EXAMPLE_GATEWAY: Final = "mcp-gateway"
_HERE: Final = Path(__file__).resolve().parent
_FOLDERS: Final = (_HERE / "runbooks", _HERE.parents[1] / RUNBOOKS)
"""In the wheel, and in the repository."""
_BLOCK: Final = re.compile(
    r"(<!-- generated: alert \w+ -->\n).*?(?=<!-- end generated -->)", re.DOTALL
)
_MARK: Final = re.compile(r"<!-- .*? -->\n")
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_KUBECTL: Final = re.compile(rf"^kubectl -n {EXAMPLE_NAMESPACE}(?:-(\w+))? (.*)$", re.MULTILINE)
_WORKLOAD: Final = re.compile(
    r"\bapp=([\w-]+)|\b(?:deployment|statefulset|daemonset|cronjob)/([\w-]+)"
    r"|\bcnpg\.io/cluster=([\w-]+)|\bclusters\.postgresql\.cnpg\.io ([\w-]+)|\b([a-z]+)-[01]\b"
)
_WORD: Final = r"(?<![\w-]){}(?![\w-])"


@dataclass(frozen=True, kw_only=True)
class RunbookNames:
    """What the workloads and namespaces of a platform are called.

    Attributes:
        stack: name of the Pulumi stack.
        gateway: workload of the gateway.
        gateway_metrics: port at which its exporter answers.
        namespaces: of workloads that are not in the platform's own, by workload.
        places: further namespaces by what follows ``qudag-mcp-prod-`` in a page, such as ``logs``.
    """

    stack: str = EXAMPLE_STACK
    gateway: str = EXAMPLE_GATEWAY
    gateway_metrics: int = 9090
    namespaces: Mapping[str, str] = field(default_factory=dict[str, str])
    places: Mapping[str, str] = field(default_factory=dict[str, str])


def folder() -> Path:
    """Where the pages are.

    Raises:
        FileNotFoundError: neither in the wheel nor in the repository.
    """
    for one in _FOLDERS:
        if one.is_dir():
            return one
    raise FileNotFoundError(2, "the folder with the runbooks is absent", str(_FOLDERS[-1]))


def pages() -> dict[str, Path]:
    """The page of each alert, by the alert's name."""
    found = (path for path in sorted(folder().glob("*.md")) if path.name != "README.md")
    return {path.open().readline().removeprefix("# ").strip(): path for path in found}


def summary(path: Path) -> str:
    """The first paragraph of a page, on one line, without links."""
    paragraph = plain(path.read_text()).split("\n\n")[1]
    return " ".join(paragraph.split())


def plain(text: str) -> str:
    """A page without marks of generated parts, and with links as texts."""
    return _LINK.sub(_as_text, _MARK.sub("", text))


def alert_text(alert: Alert) -> str:
    """Labels, duration and expression of an alert, in Markdown."""
    return (
        f"Severity `{alert.severity}`, team `{alert.team}`, scope `{alert.scope}`; fires after "
        f"{alert.duration}.\n\n```text\n{alert.expression}\n```"
    )


def runbook_texts(options: RuleOptions, names: RunbookNames) -> dict[str, str]:
    """The page of each alert of a platform, by the alert's name.

    The expressions are those of the platform. Commands name its namespaces, its stack and its
    workloads. Links are texts, because the pages that they lead to are not in the cluster.
    """
    from .rules.groups import alerts_of  # a stack without rules starts without them

    there = folder()
    return {
        one.name: _own(one, (there / f"{one.page}.md").read_text(), options, names)
        for alerts in alerts_of(options).values()
        for one in alerts
    }


def _own(alert: Alert, text: str, options: RuleOptions, names: RunbookNames) -> str:
    text = plain(_BLOCK.sub(lambda _: alert_text(alert) + "\n", text))
    text = re.sub(rf"--stack[ =]{EXAMPLE_STACK}\b", f"--stack {names.stack}", text)
    forwarded = f"deployment/{EXAMPLE_GATEWAY} 9090"
    port = str(names.gateway_metrics)
    text = "".join(
        line.replace("9090", port) if forwarded in line else line
        for line in text.splitlines(keepends=True)
    )
    own = dict(_stand_ins(options, names))
    examples = "|".join(_WORD.format(re.escape(example)) for example in own)
    text = re.sub(examples, lambda found: own[found[0]], text)
    return _in_own_namespaces(text, options, names)


def _in_own_namespaces(text: str, options: RuleOptions, names: RunbookNames) -> str:
    """Each command asks in the namespace of the workload that it names."""
    before = options.namespace

    def command(found: re.Match[str]) -> str:
        nonlocal before
        place, rest = found.groups()
        namespace = names.places.get(place, options.namespace)
        if workload := _WORKLOAD.search(rest):
            name = next(filter(None, workload.groups()))
            namespace = before = names.namespaces.get(name, options.namespace)
        elif "persistentvolumeclaims" in rest and not place:
            namespace = before  # those of the workload that is asked for above
        return f"kubectl -n {namespace} {rest}"

    return _KUBECTL.sub(command, text).replace(EXAMPLE_NAMESPACE, options.namespace)


def _stand_ins(options: RuleOptions, names: RunbookNames) -> Iterator[tuple[str, str]]:
    """What the pages name as an example, and what the platform has in its place."""
    servers = options.exporting
    other = next(iter(servers), None)
    of_images = [one.name for one in options.servers if one.image_metrics]
    of_users = of_images or [one.name for one in options.servers if not one.exports]
    for example in ("mcp-core", "mcp-state"):
        if other and example not in servers:
            yield example, other
    if options.engine:
        yield "orchestration-engine", options.engine
    if options.agents:
        yield "developer-agent", options.agents[0]
    if options.nodes:
        yield "qudag-integration", options.nodes
    if of_users:
        yield "weather", of_users[0]
    if options.database == "cloudnative-pg":  # its pods have names, labels and sockets of its own
        yield "app=postgres", "cnpg.io/cluster=postgres"
        yield "exec postgres-0", "exec postgres-1 -c postgres"
        yield "postgres-0", "postgres-1"
        yield "psql --host=/tmp", "psql"
    yield EXAMPLE_GATEWAY, names.gateway


def _as_text(link: re.Match[str]) -> str:
    """The title of a link, with the path of a page that is neither an alert's nor a source's."""
    title, target = link.groups()
    if target.startswith("../") and "/sources/" not in target:
        return f"{title} (docs/{target.removeprefix('../').partition('#')[0]})"
    return title
