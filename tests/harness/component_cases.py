"""Args of every component, for tests of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, cast

from components.base.arguments import camel
from components.base.component import Component
from components.mcp.external_data import ExternalDataTier

from . import ResourceGraph, record
from .cloud_cases import CLOUD_CASES
from .kubernetes_cases import KUBERNETES_CASES
from .observability_cases import OBSERVABILITY_CASES

CREATE_NOTHING: Final = (ExternalDataTier,)
"""Components without a resource."""
CASES: Final = KUBERNETES_CASES | OBSERVABILITY_CASES | CLOUD_CASES
"""A component and its args, by the name of a case; some have more than one."""


def made(component: type[Component[Any]], args: Any) -> ResourceGraph:
    """The graph of one component with the name ``node``."""
    return record(lambda: component("node", args))


_RECORDED: dict[int, ResourceGraph] = {}


def recorded(component: type[Component[Any]], args: Any) -> ResourceGraph:
    """As ``made``, recorded once for all tests of a case; nobody changes it."""
    if id(args) not in _RECORDED:  # those of the cases live as long as the tests
        _RECORDED[id(args)] = made(component, args)
    return _RECORDED[id(args)]


def written(args: Any, spelling: Any = camel) -> Any:
    """Args as another Pulumi language hands them over: plain values under camelCase keys."""
    if isinstance(args, Enum):
        return args.value
    if is_dataclass(args):
        values = {f.name: getattr(args, f.name) for f in fields(args)}
        return {spelling(name): written(v, spelling) for name, v in values.items()}
    if isinstance(args, Mapping):
        pairs = cast("Mapping[str, Any]", args)
        return {key: written(value, spelling) for key, value in pairs.items()}
    if isinstance(args, Sequence) and not isinstance(args, str):
        return [written(item, spelling) for item in cast("Sequence[Any]", args)]
    return args
