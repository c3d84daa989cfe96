"""The name of an image: its registry, repository, tag and digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.base.forms import IMAGE

from .refusals import refused

DOCKER = "docker.io"
"""Registry of names that name none, as Docker completes them."""


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """A complete name, such as ``docker.io/library/nginx:1.29``.

    Attributes:
        registry: host, with a port where the name has one.
        digest: ``sha256:`` and 64 digits.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def text(self) -> str:
        """As the stack file has it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def server_name(self) -> str:
        """The last part of the repository without what only says that it is an MCP server."""
        last = self.repository.rpartition("/")[2].replace("_", "-").replace(".", "-")
        name = re.sub(r"^(mcp-server|server|mcp)-", "", last)
        return re.sub(r"-(mcp-server|server|mcp)$", "", name)


def image_reference(text: str) -> ImageReference:
    """The parts of an image's name; a name without a registry is one of Docker Hub.

    Raises:
        ProblemReport: it is not the name of an image.
    """
    first, slash, rest = text.partition("/")
    if not (slash and ("." in first or ":" in first or first == "localhost")):
        first, rest = DOCKER, text if slash else f"library/{text}"
    complete = f"{first}/{rest}"
    if len(complete) > (IMAGE.longest or 512) or not re.fullmatch(IMAGE.pattern, complete):
        raise refused(
            f"image {text[:200]!r}",
            "is not the name of an image",
            f"write {IMAGE.words}, such as {IMAGE.examples[0]}",
        )
    named, _, digest = rest.partition("@")
    repository, _, tag = named.partition(":")
    return ImageReference(
        registry=first, repository=repository, tag=tag or None, digest=digest or None
    )
