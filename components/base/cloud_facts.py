"""The form of each cloud's ``facts.py``: which names it defines, and of which types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from .naming import NameRule

NO_SUCH_PLACE: Final = "the provider finds no such place: nothing could be made there"
NO_SUCH_MACHINE: Final = "the cloud has no such machine, and refuses to make one"
NOT_FOUND: Final = "the cloud finds nothing by it, and refuses what refers to it"
OTHER_VERSION: Final = "a new version of the secret would be used without a deployment"


@dataclass(frozen=True)
class ResourceType:
    """The facts about one resource type: replacements, stored data, direction.

    Attributes:
        replacing: paths of the properties whose change replaces the resource, as does the one
            that holds its name; the empty path stands for every property.
        holds: the data that is lost with the resource; None where it stores none.
        outbound: whether its addresses are destinations of outgoing traffic, which expose nothing.
        harmless: the reason why the type needs no policy rule of its own; None if it has a rule, or
            if nothing is known about it.
        serves: whether clients connect to it, so that it may be public: its own rules say which
            networks may connect.
        alarm: of a type that is an alarm, the property with its receivers and the one that turns
            it off; None for other types.
    """

    replacing: tuple[str, ...] = ()
    holds: str | None = None
    outbound: bool = False
    harmless: str | None = None
    serves: bool = False
    alarm: tuple[str, str] | None = None


def resource_type(
    *replacing: str,
    holds: str | None = None,
    outbound: bool = False,
    harmless: str | None = None,
    serves: bool = False,
    alarm: tuple[str, str] | None = None,
) -> ResourceType:
    """A row of ``RESOURCE_TYPES``."""
    return ResourceType(replacing, holds, outbound, harmless, serves, alarm)


@dataclass(frozen=True)
class Billed:
    """How a cloud bills for a resource type.

    Attributes:
        what: what is paid for while the resource exists.
        properties: paths of the properties that change the price; ``[*]`` is every item of a
            list, and a path contains everything below it.
    """

    what: str
    properties: tuple[str, ...] = ()


def billed(what: str, *properties: str) -> Billed:
    """A row of ``BILLED_TYPES``."""
    return Billed(what, properties)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Where a cloud's provider looks for credentials.

    Attributes:
        variables: environment variables, any of which is enough.
        files: files below the home folder, any of which is enough. A variable that names another
            place for them is among ``variables``.
        vendor: part of ``/sys/class/dmi/id/sys_vendor`` on the cloud's own machines, which have
            an identity of their own.
        fix: how to log in.
    """

    variables: tuple[str, ...]
    files: tuple[str, ...]
    vendor: str
    fix: str

    def found(self, environment: Mapping[str, str], home: Path, vendor: str) -> bool:
        """Whether there are credentials; only the cloud knows whether they are valid."""
        return (
            any(environment.get(name) for name in self.variables)
            or any((home / name).exists() for name in self.files)
            or self.vendor in vendor
        )


class CloudFacts(Protocol):
    """What ``facts.py`` of each cloud defines, in this order, after the cloud's limits."""

    @property
    def NAME_RULES(self) -> Mapping[str, NameRule]:  # noqa: N802
        """By type token: the names that the cloud accepts, and the property that holds them."""
        ...

    @property
    def RESOURCE_TYPES(self) -> Mapping[str, ResourceType]:  # noqa: N802
        """A row for each type that a component registers."""
        ...

    @property
    def BILLED_TYPES(self) -> Mapping[str, Billed]:  # noqa: N802
        """By type token: what is paid for, and which properties change the price."""
        ...

    @property
    def PREDICTED_OUTPUTS(self) -> Mapping[str, Mapping[str, str]]:  # noqa: N802
        """By type token: templates of the outputs that follow from inputs and provider."""
        ...

    @property
    def PROVIDER_VALUES(self) -> Mapping[str, str]:  # noqa: N802
        """Names in those templates that refer to the provider, each with its property."""
        ...

    @property
    def OUTPUTS_UNLIKE_INPUTS(self) -> tuple[str, ...]:  # noqa: N802
        """Properties whose outputs differ in structure from the inputs of the same name."""
        ...

    @property
    def CREDENTIALS(self) -> Credentials:  # noqa: N802
        """Where the provider finds credentials."""
        ...

    @property
    def SECRET_INPUTS(self) -> Mapping[str, tuple[str, ...]]:  # noqa: N802
        """By type token, without a version: properties that hold a secret under any name."""
        ...

    @property
    def VALUES_UNLIKE_THE_SDK(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:  # noqa: N802
        """By type token and path: values of a property whose enumeration is wrong in the SDK."""
        ...


FACTS = tuple(name for name in vars(CloudFacts) if name.isupper())
"""The names, in their order."""
