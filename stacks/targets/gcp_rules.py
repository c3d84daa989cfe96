"""Rules between the sections of the stack file for Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.problem import at
from .gcp_sections import Gcp, GcpContainer, GcpFunction
from .otlp import otlp_rules
from .target import CloudRule, CloudSections, Shared

GcpRule = CloudRule[Gcp, GcpFunction, GcpContainer]
GcpSections = CloudSections[Gcp, GcpFunction, GcpContainer]


def images_are_where_cloud_run_pulls(sections: GcpSections, shared: Shared) -> Iterator[Problem]:
    """Cloud Run takes images of Artifact Registry and Docker Hub, and of no other registry."""
    section = sections.containers
    if section is None or not (section.enabled or section.servers):
        return
    image = section.image or shared.image
    yield from _pulled("containers.gcp.image", section.image, image, "qudag-mcp-server")
    for name, entry in section.servers.items():
        image = entry.image or shared.user_images.get(name)
        if image:
            path = f"containers.gcp.servers.{name}.image"
            yield from _pulled(path, entry.image, image, name)


def _pulled(path: str, given: str | None, image: str, name: str) -> Iterator[Problem]:
    registry = image.partition("/")[0]
    if not (registry.endswith((".pkg.dev", "gcr.io")) or registry == "docker.io"):
        yield at(
            path,
            f"is {image}, of {registry}" if given else f"is missing: {image} would be used",
            "Cloud Run pulls from Artifact Registry and Docker Hub only (Cloud Run, Deploying "
            "container images)",
            "copy it to Artifact Registry: europe-west1-docker.pkg.dev/<project>/<repository>/"
            f"{name}",
        )


def monitoring_has_a_receiver(sections: GcpSections, _shared: Shared) -> Iterator[Problem]:
    """With monitoring there is an address or a channel."""
    section = sections.location.monitoring if sections.location else None
    if section and not section.emails and not section.channels:
        yield at(
            "clouds.gcp.monitoring.emails",
            "is empty, and so is channels",
            "alerts would notify nobody",
            "write an address, or list notification channels",
        )


def channels_are_of_the_project(sections: GcpSections, _shared: Shared) -> Iterator[Problem]:
    """A channel is for alert policies of its own project."""
    location = sections.location
    if location is None or location.monitoring is None:
        return
    for index, channel in enumerate(location.monitoring.channels):
        if channel.split("/")[1] != location.project:
            yield at(
                f"clouds.gcp.monitoring.channels[{index}]",
                f"is in {channel.split('/')[1]}, and the stack in {location.project}",
                "Google Cloud refuses the alert policies",
                f"make a channel in {location.project}, and write its id",
            )


RULES: Final[tuple[tuple[tuple[str, ...], GcpRule], ...]] = (
    (
        ("containers.gcp", "images.server", "servers"),
        images_are_where_cloud_run_pulls,
    ),
    (("clouds.gcp",), monitoring_has_a_receiver),
    (("clouds.gcp",), channels_are_of_the_project),
    *otlp_rules("gcp"),
)
"""Each rule with the paths that it reads."""
