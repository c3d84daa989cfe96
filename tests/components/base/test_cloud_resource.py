"""A cloud's resource: its own type, what it was given, and nothing that nobody named."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.base.cloud_resource import CloudResource
from tests.harness import record

QUEUE = "aws:sqs/queue:Queue"


def queue(name: str = "queue", **inputs: Any) -> CloudResource:
    return CloudResource(QUEUE, name, inputs, outputs=("arn",), opts=pulumi.ResourceOptions())


def test_a_cloud_resource_has_the_sdks_type_and_the_given_properties():
    (found,) = record(lambda: queue(delaySeconds=5, tags=None)).all(QUEUE)
    assert found.inputs == {"delaySeconds": 5}


def test_a_cloud_resource_requires_the_plugin_version_of_the_installed_sdk():
    seen: list[str | None] = []
    record(lambda: seen.append(queue()._version))  # pyright: ignore[reportPrivateUsage]
    assert seen == [version("pulumi_aws")]


def test_a_resource_depends_on_the_resource_whose_output_it_uses():
    graph = record(lambda: queue("second", policy=queue("first").output("arn")))
    assert graph.one(QUEUE, "second").dependencies == (graph.one(QUEUE, "first").urn,)


def test_reading_an_undeclared_output_is_an_error():
    with pytest.raises(KeyError, match="not among the outputs"):
        record(lambda: queue().output("url"))


def test_without_the_clouds_sdk_it_says_what_to_install():
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[3])!r})
import importlib.metadata
from importlib.metadata import PackageNotFoundError
def absent(name): raise PackageNotFoundError(name)
importlib.metadata.version = absent
import pulumi
from components.base.cloud_resource import CloudResource
from components.base.problems import ProblemReport
try:
    CloudResource({QUEUE!r}, "it", {{}}, opts=pulumi.ResourceOptions())
except ProblemReport as report:
    print(report.problems[0].fix)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "pip install 'pulumi_qudag_mcp[aws]'\n"
