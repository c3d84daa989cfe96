"""A resource whose cloud has no installed SDK is refused, also outside the components."""

from __future__ import annotations

import pytest

from graph import sdk_types
from policies import broken_policies
from tests.harness.graphs import cloud, graph

INSTALLED = sdk_types.sdk_version


@pytest.mark.parametrize(
    ("package", "extra", "token"),
    [
        ("aws", "aws", "aws:sns/topic:Topic"),
        ("gcp", "gcp", "gcp:pubsub/topic:Topic"),
        ("azure-native", "azure", "azure-native:network:PublicIPAddress"),
    ],
)
def test_it_is_refused_with_the_extra_to_install(
    package: str, extra: str, token: str, monkeypatch: pytest.MonkeyPatch
):
    def without(asked: str) -> str | None:
        return None if asked == package else INSTALLED(asked)

    monkeypatch.setattr(sdk_types, "sdk_version", without)
    problems = broken_policies(graph(cloud(token, "it")))
    found = [problem for problem in problems if problem.path == "it.type"]
    assert [problem.fix for problem in found] == [f"pip install 'pulumi_qudag_mcp[{extra}]'"]
    assert "no SDK installed" in found[0].what


def test_a_type_that_an_installed_sdk_does_not_have_is_refused():
    problems = broken_policies(graph(cloud("aws:sns/topic:Tpoic", "it")))
    assert [problem.path for problem in problems] == ["it.type"]
    assert "is not a type of its SDK" in problems[0].what
