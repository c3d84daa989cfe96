"""Envoy's check of the address behind a host's name, before it connects there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..base.platform_addresses import NOT_PUBLIC, PUBLIC

EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"


def address_check(closed: Sequence[str]) -> dict[str, Any]:
    """The upstream filter that refuses addresses to which the flow to ``Internet`` is not open.

    It runs when the address of a connection is chosen, before the connection is opened.

    Args:
        closed: networks that are refused besides those that are not public.
    """
    excluded = [*(each for networks in NOT_PUBLIC.values() for each in networks), *closed]
    rules = [_in_one_of(PUBLIC.values()), {"not_rule": _in_one_of(excluded)}]
    public = {"principals": [{"any": True}], "permissions": [{"and_rules": {"rules": rules}}]}
    return typed(
        "filters.http.rbac.v3.RBAC",
        "envoy.filters.http.upstream_rbac",
        rules={"action": "ALLOW", "policies": {"public": public}},
    )


def _in_one_of(networks: Iterable[str]) -> dict[str, Any]:
    return {"or_rules": {"rules": [_in(network) for network in networks]}}


def _in(network: str) -> dict[str, Any]:
    address, _, length = network.partition("/")
    kind = "rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher"
    chosen = {"address_prefix": address, "prefix_len": int(length)}
    return {"matcher": typed(kind, "chosen address", upstream_ip=chosen)}


def typed(kind: str, name: str, /, **fields: Any) -> dict[str, Any]:
    """An extension of Envoy with its settings."""
    return {"name": name, "typed_config": {"@type": f"{EXTENSIONS}.{kind}", **fields}}
