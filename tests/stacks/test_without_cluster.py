"""A stack without a cluster may set what its servers in clouds read, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from stacks.config.section import Section
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.rules.without_cluster import EFFECTIVE, WITHOUT_CLUSTER_RULES

URL: Final = "https://login.example.com"
STACK: Final[dict[str, Any]] = {
    "environment": "dev",
    "kubernetes": {"enabled": False},
    "protocol": {"issuer": URL, "jwksUrl": f"{URL}/jwks"},
    "clouds": {"aws": {"account": "123456789012", "region": "eu-west-1"}},
    "serverless": {"aws": {}},
}
BUCKET: Final = {
    "create": {"cloud": "aws", "region": "eu-central-1"},
    "networks": ["203.0.113.0/24"],
}


def refused(**sections: Any) -> list[str]:
    try:
        validate({**STACK, **sections})
    except ProblemReport as report:
        return [one.path.removeprefix("qudag-mcp:") for one in report.problems]
    return []


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"topology": "none"},
        {"images": {"server": "ghcr.io/acme/qudag-mcp-server:1.2.3"}},
        {"edge": {"maxBody": "1m", "tlsMinimum": "1.2"}},
        {"limits": {"burst": 7}},
        {"observability": {"logLevel": "error"}},
        {"observability": {"alerts": {"thresholds": {"resourcePercent": 70}}}},
        {"observability": {"alerts": {"objectives": {"latencySeconds": 3}}}},
        # The section of the switch keeps its fields, as sections of clouds do.
        {"kubernetes": {"enabled": False, "namespace": "mcp", "quota": {"pods": 3}}},
        # Values that are the defaults anyway.
        {"topology": "monolith", "network": {}, "observability": {"kind": "none"}},
        {"data": {"kind": "embedded"}, "scaling": {}, "audit": {"enabled": False}},
    ],
)
def test_what_servers_in_clouds_read_is_accepted(sections: dict[str, Any]):
    assert refused(**sections) == []


@pytest.mark.parametrize("kind", ["rds", "external"])
def test_of_another_kind_of_database_the_rules_of_data_decide(kind: str):
    found = refused(data={"kind": kind, "protect": True})
    assert "data" not in found
    assert "data.kind" in found  # no server of this stack connects to it


def test_a_bucket_that_the_stack_creates_is_not_asked_to_be_deleted():
    assert refused(backup={"bucket": BUCKET}) == []


def test_with_a_cluster_all_of_it_may_be_set():
    written = {"region": "eu-west-1", "kubernetes": {}, "edge": {"loadBalancer": True}}
    found = refused(**written, network={"clients": ["198.51.100.0/24"]}, scaling={})
    assert [path for path in found if path.partition(".")[0] in written] == []


def test_a_wrong_section_does_not_hide_the_others():
    found = refused(network={"clients": ["all"]}, audit={"enabled": True})
    assert found == ["network.clients[0]", "audit"]


def paths(section: type[Section], within: str = "") -> Iterator[str]:
    for field in section.model_fields.values():
        yield f"{within}{field.alias}"
        inside: Any = field.annotation
        if isinstance(inside, type) and issubclass(inside, Section):
            yield from paths(inside, f"{within}{field.alias}.")


def test_each_section_is_read_in_clouds_or_has_a_rule():
    """A new section is refused until somebody says that servers in clouds read it."""
    assert set(paths(StackConfig)) >= EFFECTIVE
    ruled = {section for (_, section), _ in WITHOUT_CLUSTER_RULES}
    whole = {path for path in EFFECTIVE if "." not in path}
    assert ruled | whole == {str(field.alias) for field in StackConfig.model_fields.values()}
    assert ruled & whole == set()
