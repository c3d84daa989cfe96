"""Serves the components to programs in every Pulumi language, as a Pulumi plugin does."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.errors import InputPropertiesError, InputPropertyErrorDetails
from pulumi.provider import ConstructResult, Provider, main

from .base.arguments import camel
from .base.problems import Problem, ProblemReport
from .package_schema import PackageSchema


class ComponentProvider(Provider):
    """Creates a component for each request of the engine."""

    def __init__(self) -> None:
        self._schema = PackageSchema()
        super().__init__(self._schema.version, self._schema.text)

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Registers a component with its children.

        Raises:
            InputPropertiesError: a name or inputs that cannot work, all problems at once.
        """
        component = self._schema.components.get(resource_type)
        if component is None:
            raise InputPropertiesError(
                f"{resource_type} is not a component of {self._schema.name} {self.version}: "
                "generate the SDK of your program again, from this version",
                [],  # without a list the SDK's server fails on its own error
            )
        try:
            made = component(name, inputs, options)
        except ProblemReport as report:
            # The engine prints this text alone; the cause would only repeat it in a traceback.
            raise self._refusal(name, resource_type, report.problems) from None
        outputs = {camel(output): getattr(made, output) for output in component.outputs()}
        return ConstructResult(made.urn, outputs)

    def _refusal(
        self, name: str, resource_type: str, problems: Sequence[Problem]
    ) -> InputPropertiesError:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        told: list[InputPropertyErrorDetails] = [
            {
                # With the component's name in front: the engine prints the value of a path that it
                # finds among the inputs, and some values are passwords.
                "property_path": self._schema.written_path(problem.path, name, resource_type),
                "reason": f"{problem.what}\n\t\t    so:  {problem.consequence}"
                f"\n\t\t    fix: {problem.fix}",
            }
            for problem in problems
        ]
        kind = resource_type.rpartition(":")[2]
        return InputPropertiesError(f"{kind} {name!r} has {count}", told)


def serve() -> None:
    """Serves the engine that started this process, until the engine ends it."""
    main(ComponentProvider(), sys.argv[1:])
