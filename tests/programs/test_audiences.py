"""Each target of a stack accepts tokens for the URL that it advertises, and for no other."""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import permutations
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import HTTPConnection

from graph.resource_graph import ResourceGraph
from runtime.auth_config import AuthSection
from runtime.resource import MisdirectedError, resource_of
from stacks.environment import CONTRACT
from tests.harness.stacks import stack

CLUSTER = "the cluster"


def texts(value: Any) -> Iterator[str]:
    """Every text in the inputs of a resource, also in JSON that is written as a text."""
    match value:
        case dict():
            for inner in value.values():  # pyright: ignore[reportUnknownVariableType]
                yield from texts(inner)
        case list():
            for inner in value:  # pyright: ignore[reportUnknownVariableType]
                yield from texts(inner)
        case str() if value.startswith(("[{", '{"')) and not value.startswith("[{{"):
            yield from texts(json.loads(value))
        case str():
            yield value
        case _:
            pass


@cache
def servers(name: str) -> dict[str, tuple[str, AuthSection]]:
    """The URL and the ``[auth]`` of each target of a stack, by its name."""
    graph: ResourceGraph = stack(name)
    targets: dict[str, Any] = graph.outputs.get("targets", {})
    urls = {CLUSTER: graph.outputs["mcp_url"]} | {n: t["mcp_url"] for n, t in targets.items()}
    found: dict[str, tuple[str, AuthSection]] = {}
    for resource in graph.resources:
        owners = {urn.rpartition("::")[2] for urn in (resource.urn, *parents(graph, resource))}
        target = next((each for each in targets if each in owners), CLUSTER)
        for text in texts(resource.inputs):
            if "[auth]" in text:
                section = tomllib.loads(text)["auth"]
                section = {k: v for k, v in section.items() if k != "jwks_file"}
                section.setdefault("jwks_url", "https://unread.test")
                found[target] = urls[target], AuthSection.model_validate(section)
    return found


def parents(graph: ResourceGraph, resource: Any) -> list[str]:
    found: list[str] = []
    while (parent := graph.find(resource.parent)) is not None:
        found.append(parent.urn)
        resource = parent
    return found


def asked(url: str) -> HTTPConnection:
    """A request of a client that names the host of ``url`` in every way that it can."""
    host = urlsplit(url).netloc
    headers = {"host": host, "x-forwarded-host": host, "x-forwarded-proto": "https"}
    # The function host of Azure removes the prefix of the path, and says which one.
    prefix = urlsplit(url).path.removesuffix("/mcp")
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "https", "root_path": prefix, "headers": sent}
    return HTTPConnection(scope)


def test_prod_has_seven_targets():
    assert len(servers("prod")) == 7
    assert len({url for url, _ in servers("prod").values()}) == 7


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_the_audience_of_each_target_is_the_url_that_clients_call(name: str):
    for target, (url, auth) in servers(name).items():
        named = "https://10.1.2.3/mcp" if "address-of." in url else url
        assert resource_of(auth, asked(named)) == named, target
        assert auth.additional_audiences == (), target


def test_no_target_accepts_the_token_of_another_whatever_host_a_client_names():
    for (url, _), (_, other) in permutations(servers("prod").values(), 2):
        with contextlib.suppress(MisdirectedError):
            assert resource_of(other, asked(url)) != url


def test_the_output_is_the_platforms_url():
    for name in ("dev", "staging", "prod"):
        outputs = stack(name).outputs
        assert outputs["audience"] == outputs["mcp_url"]
        assert set(CONTRACT) <= set(outputs)
