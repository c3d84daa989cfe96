"""The user's own code that functions run: where it is, and what of it cannot be packaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.base.problems import Problem
from components.clouds import CLOUDS

from ..config.cloud_servers import FunctionSection
from ..config.stack import StackConfig
from .clouds import ServerInCloud, servers, switched_on
from .rule import Rule, at

if TYPE_CHECKING:
    from archives.hosts import Host

PROGRAM: Final = Path(__file__).resolve().parents[2]
"""The folder of the stack file."""


def host_of(each: ServerInCloud) -> Host | None:
    """The host of a function, with the folder that it runs; None for a container."""
    if each.server.host is None:
        return None
    from archives.hosts import HOSTS
    from archives.own_code import OwnCode

    host, section = HOSTS[each.server.host], each.section
    if not isinstance(section, FunctionSection) or section.code is None:
        return host
    given = {"entry": section.entry} if section.entry else {}
    return replace(host, code=OwnCode(folder=PROGRAM / section.code, **given))


def folders(config: StackConfig) -> dict[str, str]:
    """The folder of each function that runs the user's own code, by the function's name."""
    return {
        each.server.name: each.section.code
        for each in switched_on(config)
        if isinstance(each.section, FunctionSection) and each.section.code
    }


def own_code_can_be_packaged(config: StackConfig, *, cloud: str) -> Iterator[Problem]:
    """A folder holds a server that can be packaged for its cloud."""
    for each in servers(config):
        section = each.section
        if each.cloud != cloud or not isinstance(section, FunctionSection):
            continue
        if section.code is not None and section.enabled and (host := host_of(each)):
            for one in host.code_problems(PROGRAM):
                yield at(f"{each.path}.{one.path}", one.what, one.consequence, one.fix)
        if section.code is None and section.entry is not None:
            yield at(
                f"{each.path}.entry",
                f"is {section.entry}, and {each.path}.code is missing",
                "the function would run the reference server",
                f"set {each.path}.code to the folder of the server, or remove it",
            )


OWN_CODE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (
        (f"serverless.{cloud.key}.code", f"serverless.{cloud.key}.entry"),
        partial(own_code_can_be_packaged, cloud=cloud.key),
    )
    for cloud in CLOUDS
]
"""Each rule with the paths that it reads."""
