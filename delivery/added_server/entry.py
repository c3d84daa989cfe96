"""The entry of a server in a stack file, with a comment for each value that is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.mcp.server_config import HTTPS

from .image_config import ImageConfig
from .instance import Instance
from .refusals import printable
from .stack_text import Entry

FIELDS: Final = ("image", "transport", "port", "path", "era", "command", "health", "user", "auth")
"""Fields that this command writes, in their order."""
OF_TRANSPORT: Final = ("transport", "port", "path", "era", "command", "health")
"""Fields that are removed from a replaced entry whose transport has changed."""
NOBODY: Final = 65534
"""User id of the process where the entry has none."""

_BRIDGE_PAGE: Final = "docs/how-to/bridge-a-stdio-server.md"
_HTTP: Final = "streamable-http"
_ASK: Final = "pass --url of a running instance, or --command"
_TITLE: Final = "org.opencontainers.image.title"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The facts about a server.

    Attributes:
        image: its name, with a digest if it is known.
        config: None if no source has the image's configuration; ``why`` has the reason.
        instance: None if no running instance was asked.
        command: of a program that was asked.
        user_ids_assigned: whether the cluster assigns user ids, so that none can be set.
    """

    image: str
    config: ImageConfig | None = None
    why: str = ""
    instance: Instance | None = None
    command: Sequence[str] = ()
    user_ids_assigned: bool = False

    def entry(self, name: str, old: Mapping[str, Any] | None = None) -> Entry:
        """The entry of the server; fields of an old entry that no source reports are kept."""
        found = [*self._image(), *self._instance(), *self._port(), *self._user()]
        fields = {key: value for key, value, _ in found if value is not None}
        kept = dict(old or {})
        before = kept.get("transport", _HTTP)
        if fields.get("transport", before) != before:
            kept = {key: value for key, value in kept.items() if key not in OF_TRANSPORT}
        fields = {**kept, **fields}
        order = [
            *(key for key in FIELDS if key in fields),
            *(key for key in kept if key not in FIELDS),
        ]
        comments = [f"unknown: {text}" for key, _, text in found if text and key not in kept]
        return Entry(name, {key: fields[key] for key in order}, comments)

    @property
    def _bridged(self) -> tuple[str, ...]:
        return self.config.bridged if self.config else ()

    @property
    def _is_stdio(self) -> bool:
        if self.instance is not None:
            return self.instance.transport == "stdio"
        return bool(self._bridged)

    def _image(self) -> Iterator[_Field]:
        yield "image", self.image, ""
        if self.config is None:
            yield (
                "config",
                None,
                "digest, ports and user of the image (the registry request failed)",
            )
            return
        if "@" not in self.image:
            yield "digest", None, "digest of the image (the archive has none)"
        if self.config.volumes:
            volumes = printable(", ".join(self.config.volumes))
            yield (
                "storage",
                None,
                f"storage (the image declares the volumes {volumes}, which are read-only without "
                "storage or writable)",
            )
        if self.config.health and not self._is_stdio:
            yield "health", self.config.health, ""

    def _instance(self) -> Iterator[_Field]:
        instance = self.instance
        if self._is_stdio:
            yield "transport", "stdio", ""
            yield "command", list(self.command or self._bridged), ""
            if not self._bridged:
                yield (
                    "bridge",
                    None,
                    f"whether the image has the bridge, which stdio needs: {_BRIDGE_PAGE}",
                )
        elif instance is None:
            exposed = self.config is not None and self.config.ports
            hint = "" if exposed else f"; if it speaks stdio, see {_BRIDGE_PAGE}"
            yield "transport", None, f"transport, path, era and tools ({_ASK}{hint})"
        else:
            yield "transport", instance.transport, ""
            yield "path", instance.path, ""
            if instance.health:
                yield "health", instance.health, ""
            elif self.config is None or not self.config.health:
                yield (
                    "health",
                    None,
                    "health (no health check path was found; a TCP probe is used)",
                )
            if instance.demands_token:
                yield "auth", "server", ""
                yield "era", None, "era and tools (it demands a token: pass --token)"
            if instance.era:
                yield "era", instance.era, ""

    def _port(self) -> Iterator[_Field]:
        if self._is_stdio:
            return  # the bridge's
        exposed = self.config.ports if self.config else ()
        usable = [port for port in exposed if port >= 1024 and port != HTTPS]
        asked = self.instance.port if self.instance else None
        if len(usable) == 1 and len(exposed) == 1:
            yield "port", usable[0], ""
        elif asked in usable or (asked and asked >= 1024 and not exposed):
            yield (
                "port",
                asked,
                "" if exposed else f"port in the container ({asked} is that of --url)",
            )
        elif exposed:
            ports = ", ".join(str(port) for port in exposed)
            yield "port", None, f"port (the image exposes {ports}; set one from 1024 on)"
        else:
            yield "port", None, "port (8000 is the default; the image exposes none)"

    def _user(self) -> Iterator[_Field]:
        if self.config is None:
            return
        user = self.config.user.partition(":")[0]
        if user.isascii() and user.isdigit() and int(user) and len(user) < 10:
            if not self.user_ids_assigned and int(user) != NOBODY:
                yield "user", int(user), ""
        elif user and user not in ("0", "root"):
            named = f'numeric id of the image\'s user "{printable(user)}"'
            yield "user", None, f"{named} (the pod runs as {NOBODY})"
        else:
            yield "user", None, f"whether the image works without root (the pod runs as {NOBODY})"


_Field = tuple[str, Any, str]
"""A field, its value or None, and what is unknown about it or an empty text."""


def lines(found: Found) -> Iterator[str]:
    """Lines for the terminal: what the image and the instance reported."""
    yield f"image     {found.image}"
    if config := found.config:
        shown = {
            "is": config.labels.get(_TITLE)
            or config.labels.get("io.modelcontextprotocol.server.name"),
            "for": ", ".join(config.platforms),
            "runs": " ".join(config.words),
            "exposes": ", ".join(str(port) for port in config.ports),
            "user": config.user,
        }
        for name, text in shown.items():
            if text:
                yield f"  {name:7} {printable(text)}"
    elif found.why:
        yield f"  not asked: {found.why}"
    if instance := found.instance:
        spoken = "demands a token" if instance.demands_token else f"era {instance.era}"
        at = f" at {instance.path}" if instance.path else ""
        yield f"instance  {instance.transport}{at}, {spoken}"
        if instance.tools is None and not instance.demands_token:
            yield "  it lists no tools"
        names = [printable(tool.name) for tool in instance.tools or ()]
        width = max(map(len, names), default=0)
        for name, tool in zip(names, instance.tools or (), strict=True):
            first = (tool.description or "").strip().partition("\n")[0]
            yield f"  {name:{width}}  {printable(first)}".rstrip()
