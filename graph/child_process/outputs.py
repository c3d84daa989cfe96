"""Makes outputs unknown whose type differs from that of the input with the same name."""

from __future__ import annotations

from typing import Any

from pulumi.output import UNKNOWN
from pulumi.runtime import rpc


def install() -> None:
    """Patches the SDK in this process: a value of another type than its output's is unknown.

    In an engine's preview the provider plans the outputs. Here they are the resource's inputs.
    """
    sdk: Any = rpc
    plain = sdk.translate_output_properties

    def translated(*given: Any, **named: Any) -> Any:
        try:
            return plain(*given, **named)
        except AssertionError:
            return UNKNOWN

    sdk.translate_output_properties = translated
