"""What an image's configuration says: ports, user, command, health check, volumes, labels."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from .refusals import refused

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
LARGEST = 4 * 2**20
"""Bytes of a manifest or a configuration; registries limit manifests to this."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

_M = TypeVar("_M", bound=BaseModel)
_BRIDGE = "qudag-mcp-server"
_LOCAL_URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?::\d+)?(/[^\s'\"|;)]*)"
)


class _Healthcheck(BaseModel):
    test: list[str] | None = Field(default=None, alias="Test")


class _Settings(BaseModel):
    ports: dict[str, Any] | None = Field(default=None, alias="ExposedPorts")
    user: str | None = Field(default=None, alias="User")
    entrypoint: list[str] | None = Field(default=None, alias="Entrypoint")
    cmd: list[str] | None = Field(default=None, alias="Cmd")
    labels: dict[str, str] | None = Field(default=None, alias="Labels")
    volumes: dict[str, Any] | None = Field(default=None, alias="Volumes")
    healthcheck: _Healthcheck | None = Field(default=None, alias="Healthcheck")


class _Config(BaseModel):
    config: _Settings | None = None


class Platform(BaseModel):
    """The machine that an image of an index is for."""

    os: str = ""
    architecture: str = ""

    @property
    def text(self) -> str:
        return f"{self.os}/{self.architecture}"


class Descriptor(BaseModel):
    """A manifest or a blob by its digest."""

    media_type: str = Field(alias="mediaType")
    digest: str = Field(pattern=rf"^{DIGEST.pattern}$")
    size: int = Field(ge=0)
    platform: Platform | None = None


class Manifest(BaseModel):
    """A manifest or an index: one of ``config`` and ``manifests``."""

    media_type: str | None = Field(default=None, alias="mediaType")
    config: Descriptor | None = None
    manifests: list[Descriptor] = []


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """What an image says of itself.

    Attributes:
        ports: exposed TCP ports.
        user: as it is written: an id or a name, with or without a group; empty is root.
        words: entrypoint and command.
        health: path of a health check over HTTP.
        platforms: such as linux/amd64; empty if the source does not say.
    """

    ports: tuple[int, ...] = ()
    user: str = ""
    words: tuple[str, ...] = ()
    health: str | None = None
    volumes: tuple[str, ...] = ()
    labels: dict[str, str]
    platforms: tuple[str, ...] = ()

    @property
    def bridged(self) -> tuple[str, ...]:
        """The program that the bridge in this image runs; empty if it runs no bridge."""
        words = self.words
        if len(words) > 2 and words[0].endswith(_BRIDGE) and words[1] == "bridge" and "--" in words:
            return words[words.index("--") + 1 :]
        return ()


def image_config(data: bytes, where: str, platforms: Sequence[str] = ()) -> ImageConfig:
    """The configuration of an image from its JSON."""
    read = parsed(_Config, data, where).config or _Settings()
    ports = (re.fullmatch(r"([0-9]{1,5})(/tcp)?", port) for port in read.ports or ())
    return ImageConfig(
        ports=tuple(sorted(int(port[1]) for port in ports if port)),
        user=read.user or "",
        words=(*(read.entrypoint or ()), *(read.cmd or ())),
        health=_health(read.healthcheck),
        volumes=tuple(sorted(read.volumes or ())),
        labels=read.labels or {},
        platforms=tuple(platforms),
    )


def parsed(model: type[_M], data: bytes, where: str) -> _M:
    """The document, or a refusal: it comes from others."""
    try:
        return model.model_validate(json.loads(data))
    except (ValidationError, ValueError, RecursionError):
        raise refused(
            where,
            "it is not what the OCI specification of images describes",
            "push the image again, or pass --from-archive FILE",
        ) from None


def chosen(index: Manifest, where: str) -> tuple[Descriptor, list[str]]:
    """The manifest of an index whose configuration is read, and the platforms of all."""
    images = {
        one.platform.text if one.platform else "": one
        for one in reversed(index.manifests)
        if one.media_type in MANIFESTS and not (one.platform and one.platform.os == "unknown")
    }
    usable = [name for name in images if name.startswith("linux/") or not name]
    if not usable:
        raise refused(
            where,
            "it has no image for Linux",
            "build one, for example with docker buildx build --platform linux/amd64",
        )
    best = min(usable, key=lambda name: (name != "linux/amd64", name != "linux/arm64", name))
    return images[best], sorted(name for name in images if name)


def _health(check: _Healthcheck | None) -> str | None:
    found = _LOCAL_URL.search(" ".join(check.test or ())) if check else None
    return found[1].partition("?")[0] if found else None
