"""Secrets of Secret Manager that a server reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component


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
