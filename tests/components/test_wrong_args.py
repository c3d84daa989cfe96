"""Wrong args of every component are refused in words, with path and fix."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.base.constraints import shown
from components.base.problems import Problem, ProblemReport
from components.base.tokens import TYPE_TOKENS
from components.kubernetes.gateway import Gateway
from stacks.config.validation import validate
from tests.harness import record
from tests.harness.component_cases import CASES
from tests.harness.minimal_args import gateway
from tests.harness.tiers import sampled

from .wrong_args import WRONG
from .wrong_cloud_args import LATER

ROWS = [(case, path, value) for case, rows in WRONG.items() for path, value in rows]


def changed(args: Any, path: str, value: Any) -> Any:
    """``args`` with ``value`` at ``path``."""
    head, _, rest = path.partition(".")
    name, _, index = head.partition("[")
    inner = getattr(args, name)
    if index:
        number = int(index.rstrip("]"))
        items = list(inner)
        items[number] = changed(items[number], rest, value)
        return replace(args, **{name: items})
    return replace(args, **{name: changed(inner, rest, value) if rest else value})


def refused(case: str, path: str, value: Any) -> tuple[Problem, ...]:
    component, args = CASES[case]

    def program() -> None:
        given = pulumi.Output.from_input("later") if value == LATER else value
        component("node", changed(args, path, given))

    with pytest.raises(ProblemReport) as report:
        record(program)
    assert isinstance(report.value, pulumi.RunError)  # Pulumi's host prints no traceback of it
    return report.value.problems


def test_the_table_has_wrong_args_of_every_component():
    assert len(ROWS) >= 380
    assert {CASES[case][0].__name__ for case in WRONG} == set(TYPE_TOKENS)


@pytest.mark.parametrize(
    ("case", "path", "value"), sampled(ROWS, 5), ids=lambda value: shown(value)[:40]
)
def test_a_wrong_arg_is_refused_with_its_path_and_a_fix(case: str, path: str, value: Any):
    problems = refused(case, path, value)
    named = path.partition("[")[0].split(".")[-1]
    (problem, *_) = [one for one in problems if named in re.split(r"[.\[\] ]", one.path)] or [None]
    assert problem, [str(one) for one in problems]
    assert problem.what
    assert problem.consequence
    assert problem.fix
    assert "\n" not in problem.what
    assert "\0" not in problem.what
    assert len(str(problem)) < 1000
    str(problem).encode()  # a terminal can show it


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("args", [None, "text", 5, []], ids=repr)
def test_values_that_are_not_args_are_refused_with_a_message(case: str, args: Any):
    with pytest.raises(ProblemReport, match="has args that are") as report:
        record(lambda: CASES[case][0]("node", args))
    assert report.value.problems[0].path == "node"


def test_args_of_another_component_are_refused_with_a_message():
    with pytest.raises(ProblemReport, match="a LockedNamespaceArgs, not GatewayArgs"):
        record(lambda: Gateway("node", CASES["LockedNamespace"][1]))


@pytest.mark.parametrize("opts", [{"protect": True}, "protect", gateway()], ids=repr)
def test_values_that_are_not_resource_options_are_refused_with_a_message(opts: Any):
    with pytest.raises(ProblemReport, match=r"node\.opts: .*not pulumi\.ResourceOptions"):
        record(lambda: Gateway("node", gateway(), opts))


def test_a_field_that_a_mapping_spells_in_two_ways_is_refused():
    component, _ = CASES["LockedNamespace"]
    args = {"name": "a", "podSecurity": "baseline", "pod_security": "restricted"}
    with pytest.raises(ProblemReport, match=r"node\.pod_security: is given twice"):
        record(lambda: component("node", args))


def test_a_long_text_in_the_place_of_a_list_is_not_repeated_whole():
    (problem,) = refused("Workload", "containers[0].command", "x" * 5000)
    assert problem.fix.startswith("write a list: ['xxx")
    assert len(problem.fix) < 100


def test_a_number_with_more_digits_than_python_writes_is_refused_in_words():
    (problem,) = refused("Gateway with nginx", "replicas", 10**5000)
    assert problem.what == "is a number of more than 60 digits: that is too large"


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("Gateway with nginx", "era"),
        ("McpService", "config.name"),
        ("AwsLambda", "throttle.burst"),
        ("CloudRun", "memory_mb"),
    ],
)
def test_such_a_number_is_refused_in_words_in_every_kind_of_field(case: str, path: str):
    (problem,) = refused(case, path, 10**5000)
    assert "a number of more than 60 digits" in problem.what


@pytest.mark.parametrize("name", ["My_Gateway", "", "a" * 47, "a.b", "-a", "9a", "a\nb", None, 5])
def test_a_name_that_no_object_of_kubernetes_can_have_is_refused(name: Any):
    with pytest.raises(ProblemReport) as report:
        record(lambda: Gateway(name, gateway(domain="a_b")))
    assert {bool(p.fix) for p in report.value.problems} == {True}
    assert len(report.value.problems) == 2  # the name, and the domain at the same time


def test_a_name_of_the_longest_length_is_taken():
    record(lambda: Gateway("a" * 46, gateway()))


def test_a_host_that_is_known_later_cannot_add_to_nginx_conf():
    def program() -> None:
        upstream = replace(gateway().upstream, host=pulumi.Output.from_input("core; return 200 y"))
        Gateway("node", gateway(upstream=upstream))

    with pytest.raises(ProblemReport, match=r"upstream\.host"):
        record(program)


ALIKE = [
    *(("domain", value) for value in ("x; return 200 y", "https://a.example", "a b.example")),
    *(("domain", value) for value in ("UPPER.example", "localhost", "", "a.example\n", 5)),
    *(("domain", value) for value in ("a" * 300, "mcp.xn--.x y", "u:p@a.example")),
    *(("edge.maxBody", value) for value in ("50m; server_tokens on", "0m", "50", "", "50g", 50)),
    *(("protocol.issuer", value) for value in ("http://a.example", "issuer", "https://u:p@a.b")),
    *(("images.gateway", value) for value in ("nginx", "UPPER/x:1", "a/b:1 --x", "")),
    *(("secrets.tls", value) for value in ("Passw0rd!", "a/b", "x" * 51, "")),
    *(("secrets.internalCa", value) for value in ("a b", "A")),
]
ARGS = {
    "domain": "domain",
    "edge.maxBody": "max_body",
    "protocol.issuer": "issuer",
    "images.gateway": "image",
    "secrets.tls": "tls_secret",
    "secrets.internalCa": "internal_ca_secret",
}


@pytest.mark.parametrize(("path", "value"), ALIKE, ids=repr)
def test_a_value_is_refused_alike_in_the_stack_file(path: str, value: Any):
    section, _, key = path.partition(".")
    with pytest.raises(ProblemReport) as report:
        validate({section: {key: value} if key else value})
    (stated,) = [p for p in report.value.problems if p.path == f"qudag-mcp:{path}"]
    (said,) = refused("Gateway with nginx", ARGS[path], value)
    assert (said.what, said.consequence, said.fix) == (
        stated.what,
        stated.consequence,
        stated.fix,
    )


@pytest.mark.parametrize("domain", ["mcp.xn--e1afmkfd.xn--p1ai", "xn--bcher-kva.example"])
def test_an_internationalized_domain_is_taken_in_both(domain: str):
    assert validate({"domain": domain}).domain == domain
    record(lambda: Gateway("node", gateway(domain=domain)))


texts = st.text(max_size=30) | st.sampled_from(["a.example", "a;b", "$host", "{", "50m", "9k"])
HARMLESS = re.compile(r"[A-Za-z0-9._~:/%+@-]+")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["domain", "max_body", "issuer", "tls_secret"]), texts)
def test_a_random_text_is_refused_or_harmless(field: str, text: str):
    paths: list[str] = []
    try:
        record(lambda: Gateway("node", gateway(**{field: text})))
    except ProblemReport as report:
        paths = [problem.path for problem in report.problems]
    assert paths == ([] if HARMLESS.fullmatch(text) and not paths else [f"node.{field}"])
