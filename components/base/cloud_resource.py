"""Resources of clouds by type token and wire-form properties, without the SDKs' classes.

As with Kubernetes objects, importing the generated classes of three clouds takes longer than all
else that a preview does (ADR 2). What they would have checked, names and types of properties, is
checked on the graph instead: see `policies/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pulumi

from .cloud_packages import install_command
from .problems import Problem, ProblemReport


class CloudResource(pulumi.CustomResource):
    """One resource of a cloud."""

    def __init__(
        self,
        token: str,
        name: str,
        inputs: Mapping[str, Any],
        *,
        opts: pulumi.ResourceOptions,
        outputs: Sequence[str] = (),
    ) -> None:
        """Registers the resource.

        Args:
            token: Pulumi's type token, such as ``aws:lambda/function:Function``.
            name: logical name.
            inputs: properties as on the wire, in camelCase; None where one is left out.
            opts: from ``Component.owned``, made for this resource alone.
            outputs: names of the properties that the cloud fills in and ``output`` will be asked
                for.
        """
        # For the default provider of a program that imports a component and names no other.
        opts.version = _provider_version(token.partition(":")[0])
        given = {key: value for key, value in inputs.items() if value is not None}
        super().__init__(token, name, {**dict.fromkeys(outputs), **given}, opts)
        self._filled_in = frozenset(outputs) | given.keys() | {"id"}

    def output(self, name: str) -> pulumi.Output[Any]:
        """The output ``name``; a resource that uses it depends on this resource.

        Raises:
            KeyError: it is neither an input nor listed in ``outputs``.
        """
        if name not in self._filled_in:
            raise KeyError(f"{self._type}: {name!r} is not among the outputs it was made with")
        return self.id if name == "id" else getattr(self, name)


@cache
def _provider_version(package: str) -> str:
    """The version of the cloud's SDK, by which the engine finds the plugin."""
    try:
        return version(f"pulumi_{package.replace('-', '_')}")
    except PackageNotFoundError:
        raise ProblemReport(
            [
                Problem(
                    f"pulumi-{package}",
                    "is not installed",
                    "the version of the provider plugin would be unknown",
                    install_command(package),
                )
            ]
        ) from None
