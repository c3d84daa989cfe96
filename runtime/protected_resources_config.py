"""The entries of `[[protected_resources]]` in server.toml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from .auth_config import ScopeName
from .toml_config import Section


class ProtectedResourceSection(Section):
    """An entry of `[[protected_resources]]`: a server whose tokens this one checks.

    Attributes:
        path: of its MCP endpoint at the host of this server's resource.
        hostname: a host name of its own, where its MCP endpoint is `/mcp`.
        scopes: that a token must have besides `auth.required_scopes`.
    """

    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")]
    hostname: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")] | None = None
    scopes: tuple[ScopeName, ...] = ()


def _listed_once(
    sections: tuple[ProtectedResourceSection, ...],
) -> tuple[ProtectedResourceSection, ...]:
    _refuse_twice(section.path for section in sections)
    _refuse_twice(section.hostname for section in sections if section.hostname)
    return sections


def _refuse_twice(values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value} is listed twice")
        seen.add(value)


ProtectedResourceSections = Annotated[
    tuple[ProtectedResourceSection, ...], AfterValidator(_listed_once)
]
