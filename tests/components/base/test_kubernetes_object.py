"""An object of ours is to the engine what the SDK's own class would have registered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.base.kubernetes_object import API_VERSIONS, KubernetesObject, metadata
from graph.resource_graph import Resource
from tests.harness import record

_SELECTOR: Any = {"selector": {"matchLabels": {"app": "thing"}}}
SPECS: dict[str, Any] = {
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet"), _SELECTOR
    ),
    "CronJob": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {}}}},
}
"""What the SDK's classes require."""
CUSTOM = {
    *("CiliumNetworkPolicy", "ScaledObject", "TriggerAuthentication", "VerticalPodAutoscaler"),
    *(
        "AlertmanagerConfig",
        "Cluster",
        "ObjectStore",
        "PodMonitor",
        "Probe",
        "Pooler",
        "PrometheusRule",
        "ScheduledBackup",
    ),
    *("ExternalSecret", "Password", "PushSecret", "SecretStore"),
}
"""Kinds of controllers, for which the SDK has one class."""
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "thing"}
ROOT = Path(__file__).parents[3]


def sdk_class(kind: str) -> Any:
    group, version = API_VERSIONS[kind].split("/")
    if kind in CUSTOM:
        custom = import_module("pulumi_kubernetes.apiextensions").CustomResource
        return partial(custom, api_version=API_VERSIONS[kind], kind=kind)
    module = import_module(f"pulumi_kubernetes.{group.partition('.')[0]}.{version}")
    return getattr(module, kind)


def one(program: Callable[[], object]) -> Resource:
    return next(made for made in record(program).resources if made.name == "thing")


@pytest.mark.parametrize("kind", API_VERSIONS)
def test_every_kind_registers_what_the_sdk_would(kind: str):
    named = metadata("thing", namespace="space", labels={"app": "thing"})
    options = pulumi.ResourceOptions()
    fields: Any = {"spec": SPECS[kind]} if kind in SPECS else {}
    bound, sdk_bound = (
        ({"roleRef": ROLE}, {"role_ref": ROLE}) if kind == "RoleBinding" else ({}, {})
    )
    written: Any = {**fields, **bound}
    ours = one(lambda: KubernetesObject(kind, "thing", metadata=named, opts=options, **written))
    theirs = one(lambda: sdk_class(kind)("thing", metadata=named, **fields, **sdk_bound))
    assert (ours.urn, ours.inputs, ours.outputs) == (theirs.urn, theirs.inputs, theirs.outputs)


def test_the_provider_is_asked_for_in_the_version_of_the_sdk():
    utilities = import_module("pulumi_kubernetes._utilities")
    options = pulumi.ResourceOptions()
    record(lambda: KubernetesObject("ConfigMap", "thing", metadata=metadata("a"), opts=options))
    assert options.version == utilities.get_version()


def test_a_stack_starts_without_the_generated_classes():
    recording = (
        "import sys\n"
        "from pathlib import Path\n"
        "from graph.programs import record_stack\n"
        "record_stack(Path(), 'prod')\n"
        "print([name for name in sys.modules if name.startswith('pulumi_kubernetes.core.')])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", recording], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
