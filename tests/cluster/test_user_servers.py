"""Servers from images of users are admitted by a real API server, and stay as applied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.user_server import UserServer
from components.kubernetes.user_server_args import Storage
from tests.harness.apiserver import ApiServer, documents
from tests.harness.minimal_args import user_server

NAMESPACE = "user-servers"


def program() -> None:
    LockedNamespace("servers", LockedNamespaceArgs(name=NAMESPACE))
    weather: dict[str, Any] = {
        "health": "/healthz",
        "env": {"UNITS": "metric"},
        "secret_env": {"API_KEY": SecretKey(secret="weather", key="api-key")},
        "files": {"/app/config.yaml": "units: metric", "/app/.env": "A=b"},
        "scaling": Autoscaling(min=2, max=4),
        "writable": ["/app/Cache", "/home/node/.npm"],
        "user": 1000,
    }
    memory = {"storage": Storage(path="/data", size="1Gi"), "replicas": 1}
    UserServer("weather", user_server(namespace=NAMESPACE, **weather))
    UserServer("memory", user_server(namespace=NAMESPACE, **memory))


@pytest.fixture(scope="module")
def applied(api_server: ApiServer) -> ApiServer:
    first = api_server.apply(documents(program))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server


def test_a_second_apply_changes_nothing(applied: ApiServer):
    assert applied.differences(documents(program)) == ""


def test_the_controllers_make_their_pods_under_the_restricted_standard(applied: ApiServer):
    for name in ("weather", "memory"):
        wanted = ("-l", f"app={name}")
        created = applied.kubectl(
            *("-n", NAMESPACE, "wait", "pods", "--for=create", "--timeout=60s", *wanted)
        )
        assert created.returncode == 0, created.stderr
        found = applied.kubectl("-n", NAMESPACE, "get", "pods", "-o", "json", *wanted)
        spec = json.loads(found.stdout)["items"][0]["spec"]
        assert [one["name"] for one in spec["initContainers"]] == ["server"]
        assert [one["name"] for one in spec["containers"]] == ["tls"]
