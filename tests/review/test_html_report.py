"""The HTML report: one file without network and script, in which every value is escaped."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from components.base.problems import Problem
from components.base.visible_text import visible
from graph.failures import ProgramFailed
from graph.resource_graph import Notice, Resource
from policies.finding import Finding, Severity
from review.report import html, refusal
from review.risk import risks
from tests.harness.graphs import cloud, graph, kube
from tests.review import platform

ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</pre></details><iframe src=//evil.example>",
    "</title></style><style>*{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "</svg><svg onload=alert(1)>",
    "<!--",
    "]]>\x00\x1b[31m\u202eevil",
]
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "p"),
    *("code", "nav", "ul", "li", "b", "main", "section", "div", "table", "thead", "tbody", "tr"),
    *("th", "td", "span", "svg", "defs", "marker", "path", "g", "rect", "text", "details"),
    *("summary", "fieldset", "legend", "label", "input", "pre", "del", "ins", "strong", "dl"),
    *("dt", "dd", "footer", "br"),
}
"""Every element that the template has."""


class Read(HTMLParser):
    """The elements of a page with their attributes, and the text outside of tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value for _, found in self.elements if (value := found.get(name)) is not None]


def changed_platform() -> str:
    return html.comparison(platform.comparison())


def attacked(text: str) -> list[str]:
    """Both reports of a stack in which names, properties, values and outputs are ``text``."""

    def with_text(value: str) -> tuple[Resource, ...]:
        config = kube("core/v1:ConfigMap", text, data={"f": value, text: value})
        bucket = cloud(f"evil:{text}:Bucket", text, **{"acl": text, text: {text: [value, value]}})
        service = kube("core/v1:Service", f"s{text}", spec={
            "type": "LoadBalancer", "ports": [{"port": 80}], "externalIPs": [value],
            "loadBalancerSourceRanges": [text]})  # fmt: skip
        holder = Resource(urn=f"u{text}", type=f"x:y:{text}", name=text, custom=False,
                          parent=config.parent)  # fmt: skip
        return config, replace(bucket, parent=holder.urn), service, holder

    old = graph(*with_text("old"), **{text: "old"})
    new = graph(*with_text(text), kube("core/v1:Secret", f"new{text}"), **{text: text})
    new = replace(new, notices=(Notice(text, text),), project=text, stack=text)
    broken = Finding(rule="any-name-001", severity=Severity.HIGH, urn=f"u{text}", reference=text,
                     problem=Problem(text, text, text, text))  # fmt: skip
    waived = replace(broken, waiver=text)
    found = platform.comparison(old, new)
    found = replace(found, base=text, risks=risks(found.diff, [broken, waived]))
    refused = ProgramFailed([Problem(text, text, text, text)], traceback=text)
    return [
        html.comparison(found),
        html.inventory(new, [broken, waived], rules_page="docs/policies.md"),
        refusal.html(refusal.Refusal(project=text, stack=text, problems=refused)),
    ]


@pytest.mark.parametrize("text", ATTACKS)
def test_values_of_a_program_add_no_element_and_no_attribute(text: str):
    for page in attacked(text):
        read = Read(page)
        assert {tag for tag, _ in read.elements} <= TAGS
        names = {name for _, found in read.elements for name in found}
        assert not {name for name in names if name.startswith("on")} | (names & {"src", "style"})
        links = r"#[\w-]+|docs/policies\.md#[a-z0-9-]+"
        assert all(re.fullmatch(links, target) for target in read.attributes("href"))
        assert len([tag for tag, _ in read.elements if tag == "style"]) == 1
        assert visible(text) in read.text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


def test_the_policy_forbids_everything_but_the_style_of_the_file():
    page = changed_platform()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.replace("&#39;", "'").split("; ")[:2] == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
    ]
    assert "url(" not in style
    assert "@import" not in style


def test_risks_come_first_and_lead_to_their_changes():
    page = changed_platform()
    assert page.index('id="risks"') < page.index('id="costs"') < page.index('id="changes"')
    read = Read(page)
    ids = read.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in read.attributes("href")} <= set(ids)
    assert len(re.findall(r'<a href="#c[0-9]+">details</a>', page)) == len(
        platform.comparison().risks
    )


def test_a_broken_rule_stands_with_severity_consequence_fix_and_its_page():
    new = kube("core/v1:ConfigMap", "c", data={})
    problem = Problem("c.data", "is empty", "nothing could be read", "write something")
    broken = Finding(rule="any-name-001", severity=Severity.HIGH, urn=new.urn, problem=problem,
                     reference="CIS 5.1")  # fmt: skip
    found = platform.comparison(graph(), graph(new))
    found = replace(found, risks=risks(found.diff, [broken]))
    page = html.comparison(found, rules_page="docs/policies.md")
    risk = page[page.index('id="risks"') : page.index('id="costs"')]
    for part in ("high", "any-name-001", "nothing could be read", "write something", "CIS 5.1"):
        assert part in risk
    assert 'href="#rule-any-name-001"' in risk
    assert 'href="docs/policies.md#any-name-001"' in page
    assert "policies.md" not in html.comparison(found), "its address is not known"


def test_every_change_with_every_property_is_in_the_report():
    text = Read(changed_platform()).text
    for change in platform.comparison().diff.changes:
        assert change.resource.name in text
        for found in change.properties:
            assert found.path in text


def test_what_changes_is_marked_with_a_sign_and_not_only_with_a_colour():
    read = Read(changed_platform())
    drawn = [found["class"] for tag, found in read.elements if tag == "g"]
    assert "node change" in drawn
    assert re.search(r"~ gateway", read.text)
    assert re.search(r"\+ load balancer port", read.text)


def test_the_drawing_is_also_there_as_a_list():
    text = Read(changed_platform()).text
    assert "every address to gateway: + load balancer port 443/TCP" in text


def test_costs_name_what_rises_and_what_falls():
    old = cloud("aws:rds/instance:Instance", "db", instanceClass="db.t4g.micro", multiAz=False,
                allocatedStorage=100, backupRetentionPeriod=14)  # fmt: skip
    new = replace(old, inputs={"instanceClass": "db.r6g.large", "multiAz": True,
                               "allocatedStorage": 50, "backupRetentionPeriod": 14})  # fmt: skip
    nat = cloud("aws:ec2/natGateway:NatGateway", "nat")
    text = Read(html.comparison(platform.comparison(graph(old), graph(new, nat)))).text
    costs = text[text.index("Costs\n") : text.index("Architecture\n", text.index("Costs\n"))]
    assert "multiAz false → true" in costs
    assert "instanceClass db.t4g.micro → db.r6g.large" in costs
    assert "hours of a NAT gateway" in costs
    assert "backupRetentionPeriod" not in costs
    assert re.search(r"allocatedStorage 100 → 50\s*\S less", costs)


def test_values_that_only_the_deployment_knows_are_named():
    new = cloud("aws:lambda/function:Function", "f", role="[unknown]", vpc={"ids": ["[unknown]"]})
    text = Read(html.comparison(platform.comparison(graph(), graph(new)))).text
    unknown = text[text.index("What this preview does not know") :]
    assert "Function f" in unknown
    assert "role" in unknown
    assert "vpc.ids[0]" in unknown


@pytest.mark.slow
def test_five_hundred_changes_stay_usable():
    def stack(size: int) -> Any:
        return graph(*(
            kube("core/v1:ConfigMap", f"c{n}", data={f"k{i}": str(size) for i in range(20)})
            for n in range(500)))  # fmt: skip

    page = html.comparison(platform.comparison(stack(1), stack(2)))
    assert len(page) < 4_000_000
    read = Read(page)
    groups = [found for tag, found in read.elements if tag == "details"]
    assert not any("open" in found for found in groups if found.get("class") == "group replace")
    assert len([found for found in groups if found.get("class") == "entry replace"]) == 500


def test_a_long_value_is_cut_with_the_number_of_lines():
    huge = kube("core/v1:ConfigMap", "huge", data={"f": "line\n" * 40_000})
    page = html.comparison(platform.comparison(graph(), graph(huge)))
    assert len(page) < 200_000
    assert re.search(r"… [0-9]+ lines more", page)
