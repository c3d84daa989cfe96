"""What kinds have in common that a cloud manages: its section, and where its stores are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol

from components.base.arguments import camel
from components.base.problems import Problem
from components.clouds import CLOUDS
from components.kubernetes.party import Outside
from components.kubernetes.pod_settings import SecretKey

from ..config.pods import SecretKey as SecretKeySection
from ..config.problem import at
from ..config.stack import StackConfig
from ..topologies.topology import POSTGRES
from .external import secret_key
from .kind import DataKind


def protected(config: StackConfig) -> bool:
    """Whether nobody may delete a database that a cloud manages: in prod unless it is written."""
    data = config.data
    return data.protect if "protect" in data.model_fields_set else config.environment == "prod"


class ManagedSection(Protocol):
    """The fields of every section."""

    @property
    def networks(self) -> Sequence[str]:
        """Addresses that pods connect to."""
        ...

    @property
    def ca(self) -> SecretKeySection:
        """Where the CA is."""
        ...


class ManagedKind(DataKind):
    """A store that a cloud manages, in private subnets of the user's.

    Attributes:
        arg_fields: fields of the component's args and of the section, where they differ.
    """

    arg_fields: ClassVar[dict[str, str]] = {}

    def options(self, config: StackConfig) -> ManagedSection:
        """The kind's section, with its defaults where it is absent."""
        raise NotImplementedError

    def authority(self, config: StackConfig) -> SecretKey | None:
        return secret_key(self.options(config).ca)

    def party(self, config: StackConfig) -> Outside:
        return Outside(name=self.store, cidrs=self.options(config).networks)

    def problems(self, config: StackConfig) -> Iterator[Problem]:
        """Without its cloud, its network or the addresses of its subnets."""
        path = f"data.{camel(str(self.section))}"
        cloud = str(self.tier.cloud)
        if config.clouds.of(cloud) is None:
            title = next(each.title for each in CLOUDS if each.key == cloud)
            yield at(
                f"clouds.{cloud}",
                f"is missing, and {self.choice} is {self.name}",
                f"it is not known where in {title} to create it",
                f"set it, or choose another {self.choice}",
            )
            return
        if config.kubernetes.enabled and not self.options(config).networks:
            yield at(
                f"{path}.networks",
                "is missing, and servers in the cluster use the store",
                "the network policies would let no pod connect to it",
                "list the addresses of the private subnets, such as 10.30.1.0/24",
            )
        missing = [*self.location_problems(config)]
        yield from missing
        if not missing:
            for problem in self.tier.args(config, [self.store], "").refusals():
                name, bracket, index = problem.path.partition("[")
                field = f"{self.arg_fields.get(name, name)}{bracket}{index}"
                fix = problem.fix
                for arg, written in self.arg_fields.items():
                    fix = fix.replace(arg, camel(written))
                yield at(f"{path}.{camel(str(field))}", problem.what, problem.consequence, fix)

    def location_problems(self, config: StackConfig) -> Iterator[Problem]:  # noqa: ARG002
        """What of ``clouds.<cloud>`` is missing."""
        yield from ()

    @property
    def choice(self) -> str:
        """The field of the stack file that chooses it."""
        return "data.kind" if self.store == POSTGRES else "data.cacheKind"
