"""The commands of the runbooks name what is in a stack, and programs accept what they say."""

from __future__ import annotations

import json
import logging
import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import pytest
import typer

from components.observability.rules.catalogue import every_alert
from runtime.config import ServerConfig
from runtime.logs import JsonLines
from tests.harness import programs
from tests.harness.containers import ROOT
from tests.harness.postgres import HOW_TO_GET, binaries, postgres
from tests.harness.runbook_commands import Stack, Step, commands, steps
from tests.harness.runbook_stacks import STACKS, graph, runbooks
from tools.docs import verbs

pytestmark = pytest.mark.slow

USAGE: Final = typer.BadParameter.__mro__[1]
"""UsageError, which Typer does not export."""
ERROR_OF_NGINX: Final = (
    "2026/11/29 12:00:00 [error] 29#29: *1 connect() failed (111: Connection refused) while "
    "connecting to upstream, client: 203.0.113.7"
)
"""As nginx writes errors of upstreams: ngx_log_error and ngx_http_upstream_log_error."""


def every_command() -> list[tuple[str, str, str]]:
    """Stack, alert and line of each command of the pages that the stacks deploy."""
    return [
        (stack, alert, line)
        for stack in STACKS
        for alert, page in runbooks(stack).items()
        for line in commands(page)
    ]


def test_the_stacks_have_every_alert_between_them():
    assert {alert for stack in STACKS for alert in runbooks(stack)} == set(every_alert())


@pytest.mark.parametrize("name", STACKS)
def test_commands_name_what_the_stack_has(name: str):
    stack = Stack(graph(name))
    found = {
        (alert, line): problems
        for of, alert, line in every_command()
        if of == name and (problems := stack.problems(line))
    }
    assert found == {}


def test_commands_of_the_page_on_symptoms_name_what_the_stack_has():
    stack = Stack(graph("microservices"))
    page = (ROOT / "docs/troubleshooting.md").read_text().replace("qudag-mcp-prod", "qudag-mcp-dev")
    lines = commands(page)
    assert len(lines) > 25
    assert {line: found for line in lines if (found := stack.problems(line))} == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kubectl -n qudag-mcp-prod get pods", "there is no namespace 'qudag-mcp-prod'"),
        ("kubectl -n qudag-mcp-dev get pods -l app=mcp-cor", "app=mcp-cor selects no pods"),
        ("kubectl -n qudag-mcp-dev get pod", "kubectl get pod"),
        ("kubectl -n qudag-mcp-dev logs -l app=redis --tail=9", "which one?"),
        ("kubectl -n qudag-mcp-dev logs redis-0 -c sentinels", "no container sentinels"),
        ("kubectl -n qudag-mcp-dev logs redi-0 -c valkey", "redi-0 selects no pods"),
        ("kubectl -n qudag-mcp-dev logs deployment/redis -c valkey", "selects no pods"),
        ("kubectl -n qudag-mcp-dev port-forward deployment/mcp-core 9091", "not on 9091"),
        (
            "kubectl -n qudag-mcp-dev port-forward deployment/mcp-core 9090 & sleep 2; "
            "curl -s http://127.0.0.1:9091/metrics",
            "9090 is forwarded",
        ),
        (
            "kubectl -n qudag-mcp-dev port-forward deployment/mcp-core 9090 & sleep 2; "
            "curl -s http://127.0.0.1:9090/metrics | grep mcp_request_total",
            "no program exports mcp_request_total",
        ),
        (
            "kubectl -n qudag-mcp-dev port-forward deployment/mcp-core 9090 & sleep 2; "
            "curl -s http://127.0.0.1:9090/metrics | grep mcp_gateway_limited_total",
            "the metrics of the gateway are at []",
        ),
        (
            "kubectl -n qudag-mcp-dev get secret mcp-tls -o jsonpath='{.data.tls\\.crt}'",
            "reads a Secret mcp-tls",
        ),
        (
            "kubectl -n qudag-mcp-dev get secret mcp-tls-secret -o jsonpath='{.data.tls\\.pem}'",
            "no key tls\\.pem",
        ),
        ("kubectl -n qudag-mcp-dev create job --from=cronjob/backup now", "no cronjob backup"),
        ("kubectl -n qudag-mcp-dev rollout history deployment/core", "no deployment core"),
        ("kubectl -n qudag-mcp-dev delete pods", "no runbook says kubectl delete"),
    ],
)
def test_what_a_stack_does_not_have_is_found(line: str, said: str):
    (problem,) = Stack(graph("microservices")).problems(line)
    assert said in problem


def test_the_command_line_of_this_project_accepts_its_commands():
    lines = {line for _, _, line in every_command() if "qudag-mcp " in line.partition("|")[0]}
    own = [step for line in lines for step in steps(line) if "qudag-mcp" in step.program]
    assert own
    for step in own:
        accept(step.words[1:])


def accept(words: Sequence[str]) -> None:
    """Parses the words of ``qudag-mcp`` as the program does; raises for what it does not know."""
    verbs()[words[0]].make_context(words[0], list(words[1:]))


@pytest.mark.parametrize("words", ["verify --stak=prod", "diagnose --stack", "diagnose prod x"])
def test_wrong_words_of_this_project_are_found(words: str):
    with pytest.raises(USAGE):
        accept(words.split())


# What is searched for in logs


@cache
def lines_of_servers() -> tuple[list[str], str]:
    """A line of each event, status and outcome of the server, and one of a call that succeeds."""
    lines = JsonLines(ServerConfig.model_validate({"server": {"name": "mcp-core"}}), worker=1)

    def line(event: str, **facts: object) -> str:
        record = logging.LogRecord("qudag_mcp_server", 20, "", 0, event, None, None)
        record.facts = facts
        return lines.format(record)

    sources = [path.read_text() for path in (ROOT / "runtime").glob("*.py")]
    said = r"(?:\bevent|log\.\w+)\(\s*\"([a-z_]+)\""
    events = {name for text in sources for name in re.findall(said, text)}
    outcomes = {n for text in sources for n in re.findall(r"\boutcome = \"([a-z_]+)\"", text)}
    outcomes |= {n for text in sources for n in re.findall(r"outcome = \"([a-z_]+)\" if", text)}
    assert {"keys_unreadable", "worker_ended", "dependency"} <= events
    assert {"tool_error", "crashed"} <= outcomes
    calm = line("request", method="POST", path="/mcp", status=200, seconds=0.401, outcome="ok")
    return [
        *(line(event) for event in events),
        *(line("request", status=status) for status in (401, 403, 404, 429, 500, 502, 503)),
        *(line("request", status=200, outcome=one) for one in outcomes),
    ], calm


@cache
def lines_of_the_gateway() -> tuple[list[str], str]:
    """Lines in the form of the rendered nginx.conf, and one of a request that succeeds."""
    (text,) = [
        one.inputs["data"]["nginx.conf"]
        for one in graph("microservices").resources
        if "nginx.conf" in one.inputs.get("data", {})
        and one.inputs["metadata"]["name"].startswith("mcp-gateway")
    ]
    block = re.search(r"log_format json escape=json\n(.*?);\n", text, re.DOTALL)
    assert block
    form = "".join(re.findall(r"'([^']*)'", block[1]))

    def line(status: int) -> str:
        return re.sub(r"\$\w+", "0.502", form.replace("$status", str(status)))

    return [ERROR_OF_NGINX, *(line(s) for s in (413, 429, 500, 502, 503, 504))], line(200)


@cache
def lines_of_the_egress_proxy() -> tuple[list[str], str]:
    """Lines in the forms of Envoy's rendered configuration, and one of a tunnel."""
    texts = [
        text
        for one in graph("microservices").resources
        if one.inputs.get("kind") == "ConfigMap"
        and one.inputs["metadata"]["name"].startswith("egress-proxy")
        for text in one.inputs["data"].values()
    ]
    forms = [form for text in texts for form in json_formats(json.loads(text))]
    assert forms

    def line(form: dict[str, Any], status: int) -> str:
        shown = {k: status if v == "%RESPONSE_CODE%" else v for k, v in form.items()}
        return json.dumps(shown, separators=(",", ":"))

    (tunnels,) = [form for form in forms if "status" in form]
    return [line(form, 403) for form in forms], line(tunnels, 200)


def json_formats(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        for key, value in cast("dict[str, Any]", tree).items():
            if key == "json_format":
                yield value
            yield from json_formats(value)
    elif isinstance(tree, list):
        for value in cast("list[Any]", tree):
            yield from json_formats(value)


def searched(line: str) -> tuple[Step, tuple[list[str], str]] | None:
    """The grep of a command on logs, with the lines that the program writes."""
    first, *rest = steps(line)
    if first.program != "kubectl" or first.plain()[0] != "logs" or not rest:
        return None
    gateway, proxy = "app=mcp-gateway", "app=egress-proxy"
    selector = first.options()["-l"]
    of = {gateway: lines_of_the_gateway, proxy: lines_of_the_egress_proxy}
    (grep, *_) = rest
    return grep, of.get(selector, lines_of_servers)()


def grep(step: Step, lines: Sequence[str], pattern: str | None = None) -> list[str]:
    """The lines that the real program finds."""
    words = [*step.words[:-1], step.words[-1] if pattern is None else pattern]
    done = subprocess.run(
        words, input="\n".join(lines), capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def test_what_is_searched_for_in_logs_is_written_there_and_not_for_each_request():
    found = [
        (line, *one)
        for line in [
            *(line for of, _, line in every_command() if of in ("microservices", "orchestration")),
            *commands((ROOT / "docs/troubleshooting.md").read_text()),
        ]
        if (one := searched(line))
    ]
    assert len(found) > 20
    for line, step, (lines, calm) in found:
        assert grep(step, [calm]) == [], f"{line}\nfinds every line, such as\n{calm}"
        alternatives = re.split(r"\|(?![^(]*\))", step.words[-1]) if "-E" in step.words else [None]
        for one in alternatives:
            assert grep(step, lines, one), f"{line}\nnothing writes {one or step.words[-1]}"


@pytest.mark.parametrize("words", ["grep -w 405", "grep -E ' 50[0-9] '", "grep tool_failed"])
def test_what_nothing_writes_is_not_found(words: str):
    every = [*lines_of_servers()[0], *lines_of_the_gateway()[0], *lines_of_the_egress_proxy()[0]]
    (step,) = steps(words)
    assert grep(step, every) == []


# SQL


def queries() -> set[tuple[str, ...]]:
    """The words of each psql in a pod."""
    found: set[tuple[str, ...]] = set()
    for _, _, line in every_command():
        words = list(steps(line)[0].words)
        if "--" in words:
            found.add(tuple(words[words.index("--") + 1 :]))
    return found


@pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)
def test_queries_are_accepted_by_postgresql_and_options_by_psql():
    psql = programs.find("psql")
    assert psql is not None
    assert len(queries()) >= 3
    with postgres() as server, server.connect("postgres") as connection:
        for number, (program, *options, command, sql) in enumerate(sorted(queries())):
            assert (program, command) == ("psql", "-c")
            connection.execute(f"PREPARE q{number} AS {sql}".encode())
            done = subprocess.run(
                [psql, *options, "--help"], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def test_psql_connects_by_the_socket_of_the_pod():
    hosts = {w for words in queries() for w in words if w.startswith("--host")}
    assert hosts == {"--host=/tmp"}
    settings = (ROOT / "components/kubernetes/templates/postgresql.conf").read_text()
    assert "unix_socket_directories = '/tmp'" in settings


def test_every_page_of_the_repository_has_the_commands_that_are_deployed():
    """What the tests above read is what people read in docs/runbooks."""
    deployed = {alert: len(commands(page)) for alert, page in runbooks("microservices").items()}
    for alert, count in deployed.items():
        page = Path(ROOT / f"docs/runbooks/{every_alert()[alert].page}.md")
        assert len(commands(page.read_text())) == count
