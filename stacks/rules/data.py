"""Rules for the data stores: options of the chosen kinds only, and a Valkey that keeps sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.mcp.era import has_sessions

from ..config.data import Data
from ..config.stack import StackConfig
from ..data_kinds import KIND_FIELDS, KINDS, chosen_kind, has_its_section, kind_of
from ..services import topology
from ..topologies.topology import VALKEY
from .rule import Rule, at


def sessions_are_kept(config: StackConfig) -> Iterator[Problem]:
    """Sessions are in a Valkey that evicts nothing."""
    era = config.protocol.era
    stored = has_sessions(era) and VALKEY in topology(config).data
    if stored and config.data.cache_profile == "cache":
        yield at(
            "data.cacheProfile",
            f"is cache, and protocol.era is {era}: sessions are kept in Valkey",
            "it would evict sessions when it is full, and lose all of them when it restarts",
            "leave it out, or set protocol.era: modern",
        )


def the_kind_has_its_section(config: StackConfig) -> Iterator[Problem]:
    """A kind that needs options has them."""
    for store in KINDS:
        kind, field = chosen_kind(config, store), _yaml(KIND_FIELDS[store])
        if not has_its_section(config, kind):
            section = _yaml(str(kind.section))
            yield at(
                f"data.{section}",
                f"is missing, and data.{field} is {kind.name}",
                f"it is not known where {store} is",
                f"add the section {section}, or remove data.{field}",
            )


def options_are_of_the_chosen_kind(config: StackConfig) -> Iterator[Problem]:
    """No option of a kind that is not chosen."""
    written = config.data.model_fields_set
    for store, kinds in KINDS.items():
        chosen, field = chosen_kind(config, store), _yaml(KIND_FIELDS[store])
        own = {chosen.section, *chosen.fields}
        for kind in kinds.values():
            for option in (kind.section, *kind.fields):
                if option in written and option not in own and getattr(config.data, option):
                    yield at(
                        f"data.{_yaml(option)}",
                        f"is set, and data.{field} is {chosen.name}",
                        "it would have no effect",
                        f"remove it, or set data.{field} to {kind.name}",
                    )


def kinds_can_be_used(config: StackConfig) -> Iterator[Problem]:
    """What each chosen kind asks of the rest of the configuration."""
    for store in KINDS:
        yield from kind_of(config, store).problems(config)


def secrets_of_stores_are_their_own(config: StackConfig) -> Iterator[Problem]:
    """A Secret with a given password is not one whose values `up` generates."""
    names = config.secrets.model_dump(by_alias=True, exclude={"internal_tls"}, exclude_none=True)
    used = {name: field for field, name in names.items()}
    for store in KINDS:
        kind = kind_of(config, store)
        for option, key in (("password", kind.password(config)), ("ca", kind.authority(config))):
            if key and key.secret in used:
                yield at(
                    f"data.{_yaml(str(kind.section))}.{option}.secret",
                    f"is {key.secret}, which is also secrets.{used[key.secret]}",
                    "pods would be given keys that are not for them, and its keys would clash",
                    "name another Secret",
                )


def _yaml(field: str) -> str:
    """A field of ``data`` as the stack file spells it."""
    return str(Data.model_fields[field].alias)


DATA_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("data.cacheProfile", "protocol.era", "topology"), sessions_are_kept),
    (("data",), the_kind_has_its_section),
    (("data",), options_are_of_the_chosen_kind),
    (("data", "topology", "environment", "protocol.era"), kinds_can_be_used),
    (("data", "secrets"), secrets_of_stores_are_their_own),
]
"""Each rule with what it reads."""
