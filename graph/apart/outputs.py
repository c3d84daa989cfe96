"""Outputs of resources whose type is not that of the input of the same name: they are unknown."""

from __future__ import annotations

from typing import Any

from pulumi.output import UNKNOWN
from pulumi.runtime import rpc


def install() -> None:
    """Lets the SDK take a value of another type than an output's for unknown, in this process.

    An engine's preview has what the provider plans; here a resource's outputs are its inputs.
    """
    sdk: Any = rpc
    plain = sdk.translate_output_properties

    def translated(*given: Any, **named: Any) -> Any:
        try:
            return plain(*given, **named)
        except AssertionError:
            return UNKNOWN

    sdk.translate_output_properties = translated
