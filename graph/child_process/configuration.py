"""Lets a program go on without required configuration, so that one run reports all of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import pulumi
from pulumi.output import UNKNOWN
from pulumi.runtime.config import get_config

from ..functions import UnknownText, UnknownValue
from ..resource_graph import SECRET

_GETTERS: Final = tuple(name for name in dir(pulumi.Config) if name.startswith(("get", "require")))
_KINDS: Final = {"int": int, "bool": bool, "float": float, "object": dict}

Fault = pulumi.ConfigMissingError | pulumi.ConfigTypeError


def install(faults: list[Any], unset: list[str]) -> None:
    """Collects missing and mistyped values in ``faults``, by patching this process's SDK.

    Keys that the program reads, does not require and that have no value go to ``unset``.

    The program is given a placeholder instead. A value that is encrypted in the stack file is an
    secret output in any form, and a text of its own where it is asked for as one.
    """
    for name in _GETTERS:
        getter = getattr(pulumi.Config, name)
        setattr(pulumi.Config, name, _forgiving(name, getter, faults, unset))


def _forgiving(name: str, getter: Callable[..., Any], faults: list[Any], unset: list[str]) -> Any:
    @functools.wraps(getter)
    def forgiving(self: pulumi.Config, key: str, *given: Any, **named: Any) -> Any:
        full = self.full_key(key)
        if get_config(full) == SECRET and (stands := _encrypted(name, full)) is not None:
            return stands
        try:
            found = getter(self, key, *given, **named)
            if found is None and full not in unset:
                unset.append(full)
            return found
        except (pulumi.ConfigMissingError, pulumi.ConfigTypeError) as fault:
            if all(fault.key != known.key for known in faults):
                faults.append(fault)
            return _placeholder(name, full)

    return forgiving


def _encrypted(name: str, key: str) -> Any:
    if "secret" in name:
        return pulumi.Output.secret(SECRET)
    kind = name.rpartition("_")[2]
    return UnknownValue("configuration", key, _KINDS[kind]) if kind in _KINDS else None


def _placeholder(name: str, key: str) -> Any:
    if "secret" in name:
        return pulumi.Output.secret(UNKNOWN)
    kind = name.rpartition("_")[2]
    if kind in _KINDS:
        return UnknownValue("configuration", key, _KINDS[kind])
    return UnknownText("configuration", key)
