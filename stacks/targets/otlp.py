"""What the targets of all clouds do with their section `otlp`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.base.problems import Problem

from ..config.cloud_otlp import CloudOtlp
from ..config.problem import at
from .target import CloudRule, CloudSections, Shared


def receiver_fields(section: CloudOtlp, shared: Shared) -> Mapping[str, Any]:
    """The arguments of a receiver, as components take them."""
    return {**section.model_dump(), "environment": shared.environment}


def otlp_rules(cloud: str) -> tuple[tuple[tuple[str, ...], CloudRule[Any, Any, Any]], ...]:
    """The rules of the section in a cloud, each with the paths that it reads."""

    def fields_fit(sections: CloudSections[Any, Any, Any], _shared: Shared) -> Iterator[Problem]:
        """The fields of the section fit each other."""
        section = sections.location.otlp if sections.location else None
        if section is None:
            return
        from components.base.authorities import authority_problems
        from components.mcp.otlp import LONGEST_AUTHORITY, otlp_problems

        for found in (
            *otlp_problems(section, has_token=section.token is not None),
            *authority_problems(
                section.ca,
                read_in="the stack file",
                unverified="the servers could not verify the receiver, and would send nothing",
                longest=LONGEST_AUTHORITY,
            ),
        ):
            path = f"clouds.{cloud}.otlp.{found.path}"
            yield at(path, found.what, found.consequence, found.fix)

    def something_sends(
        sections: CloudSections[Any, Any, Any], _shared: Shared
    ) -> Iterator[Problem]:
        """A container runs in the cloud: functions send nothing."""
        section = sections.location.otlp if sections.location else None
        containers = sections.containers
        if section is None or (containers and (containers.enabled or containers.servers)):
            return
        function = sections.serverless and sections.serverless.enabled
        yield at(
            f"clouds.{cloud}.otlp",
            f"is set, and containers.{cloud} is not switched on and has no servers",
            "functions send neither spans nor log lines by OTLP: it would have no effect"
            if function
            else "nothing would be sent",
            f"remove it, or switch containers.{cloud} on",
        )

    return (
        ((f"clouds.{cloud}",), fields_fit),
        ((f"clouds.{cloud}", f"containers.{cloud}", f"serverless.{cloud}"), something_sends),
    )
