"""The local node's function that converts network policies to nft tables."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .restricted_path import NODE

Manifest = Mapping[str, Any]
Tables = Callable[[Sequence[Manifest], Manifest, Sequence[Manifest], Mapping[str, str]], str]


def _function() -> Tables:
    """The node's scripts are no package, so it is loaded from its file."""
    spec = importlib.util.spec_from_file_location("network_policies", NODE / "network_policies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.policy_table


policy_table = _function()
