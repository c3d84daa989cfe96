"""Secrets of Secret Manager that a server reads from its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.problems import Problem
from ..mcp.cloud_server import variables_problems
from .facts import GCP_VERSION


def secret_problems(secrets: Mapping[str, str]) -> list[Problem]:
    """Versions without a number: an instance would read the version of the time of its start."""
    return variables_problems(secrets) + [
        Problem(
            f"secrets.{variable}",
            f"{name!r} is not one version of a secret",
            "instances started at different times would have different secrets",
            "write projects/<project>/secrets/<name>/versions/<number>",
        )
        for variable, name in secrets.items()
        if not re.fullmatch(GCP_VERSION, name)
    ]


def version_parts(name: str) -> tuple[str, str, str]:
    """Project, secret and number of a version."""
    _, project, _, secret, _, number = name.split("/")
    return project, secret, number


def allow_reading(
    owner: Component[Any], reader: CloudResource, secrets: Mapping[str, str]
) -> list[pulumi.Resource]:
    """Lets a service account read exactly these secrets; its service should depend on these."""
    return [
        CloudResource(
            "gcp:secretmanager/secretIamMember:SecretIamMember",
            owner.named(f"reads-{secret}"),
            {
                "project": project,
                "secretId": secret,
                "role": "roles/secretmanager.secretAccessor",
                "member": reader.output("member"),
            },
            opts=owner.owned(),
        )
        for project, secret in sorted({version_parts(name)[:2] for name in secrets.values()})
    ]
