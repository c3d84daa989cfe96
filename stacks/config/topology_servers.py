"""The servers of a topology, as if the stack file had written them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, cast

from ..topologies import TOPOLOGIES

Written = Mapping[str, Any]
_EITHER: Final = {"replicas": "scale", "scale": "replicas"}
"""Fields that exclude each other: one in the stack file removes the topology's other one."""


def with_topology_servers(written: Written) -> dict[str, Any]:
    """The sections, with the topology's entries added to those ``written`` in ``servers``.

    Mappings are merged; every other value of the stack file replaces the topology's, also null.
    Mounts of volumes that ``data.volumes`` does not have are left out.
    """
    given = dict(written)
    topology = TOPOLOGIES.get(str(given.get("topology")))
    stated = _mapping(given.get("servers", {}))
    cluster = _mapping(given.get("kubernetes")) or {}
    if topology is None or stated is None or cluster.get("enabled") is False:
        return given
    data = _mapping(given.get("data")) or {}
    volumes = _mapping(data.get("volumes")) or {}
    merged: dict[str, Any] = {}
    for name, entry in topology.servers.items():
        own = stated.get(name, {})
        has_image = (_mapping(own) or {}).get("image") is not None
        more = topology.with_image.get(name) if has_image else None
        usual = _merged(entry, more or {})
        merged[name] = _merged(_with_volumes(usual, volumes), own)
    rest = {name: server for name, server in stated.items() if name not in merged}
    return {**given, "servers": {**merged, **rest}} if merged else given


def _merged(usual: Written, written: Any) -> Any:
    stated = _mapping(written)
    if stated is None:
        return written
    result = {
        name: copy.deepcopy(value)
        for name, value in usual.items()
        if value is not None and stated.get(_EITHER.get(name, "")) is None
    }
    for name, value in stated.items():
        own = _mapping(result.get(name))
        result[name] = value if own is None else _merged(own, value)
    return result


def _with_volumes(usual: Written, volumes: Written) -> Written:
    """The entry, with mounts of ``volumes`` only."""
    mounts = _mapping(usual.get("volumes"))
    if mounts is None:
        return usual
    return {**usual, "volumes": {name: path for name, path in mounts.items() if name in volumes}}


def _mapping(value: Any) -> Written | None:
    return cast("Written", value) if isinstance(value, Mapping) else None
