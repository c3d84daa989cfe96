"""A server with a database is told which of its mounted files are values of which Secret."""

from __future__ import annotations

import tomllib

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.stacks import stack


def mounted(graph: ResourceGraph, name: str) -> set[tuple[str, str, str]]:
    """Secret, key and file of every mounted value that is no certificate."""
    (spec,) = (
        one.inputs["spec"]["template"]["spec"]
        for kind in ("Deployment", "StatefulSet")
        for one in graph.all(f"kubernetes:apps/v1:{kind}")
        if one.inputs["metadata"]["name"] == name
    )
    container = next(c for c in spec["containers"] if c["name"] == name)
    paths = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    return {
        (volume["secret"]["secretName"], item["key"], f"{paths[volume['name']]}/{item['path']}")
        for volume in spec["volumes"]
        if "secret" in volume and volume["name"] in paths
        for item in volume["secret"]["items"]
        if not item["key"].endswith(".crt")
    }


@pytest.mark.slow
def test_every_mounted_value_is_listed_where_there_is_a_database():
    graph = stack("prod")
    with_database = 0
    servers = [
        tomllib.loads(one.inputs["data"]["server.toml"])
        for one in graph.all("kubernetes:core/v1:ConfigMap")
        if "server.toml" in one.inputs["data"]
    ]
    for table in servers:
        listed = {(o["name"], o["key"], o["file"]) for o in table.get("secret_files", [])}
        if "database" in table:
            with_database += 1
            assert listed == mounted(graph, table["server"]["name"])
            assert any(key == "database-password" for _, key, _ in listed)
        else:
            assert listed == set()
    assert with_database
