"""What must hold between `secrets.store` and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from components.base.problems import Problem
from components.kubernetes.external_secrets import SecretSource
from components.kubernetes.secret_stores import (
    ca_problems,
    flat_prefix_problems,
    role_problems,
)

from ..config.stack import StackConfig
from ..required_secrets import required_secrets
from ..secret_sync import synced_secrets
from .rule import Rule, at

_STORES: Final = ("vault", "aws", "gcp", "azure")
_WITH_A_STORE: Final = {
    "source": "source",
    "certificate_source": "certificateSource",
    "refresh_seconds": "refreshSeconds",
}
_GENERATED: Final = "-generated"


def the_store_has_its_section(config: StackConfig) -> Iterator[Problem]:
    """The section of the chosen store is there, and no other one."""
    secrets = config.secrets
    stated = [name for name in _STORES if getattr(secrets, name) is not None]
    if secrets.store != "none" and secrets.store not in stated:
        yield at(
            f"secrets.{secrets.store}",
            f"is missing, and secrets.store is {secrets.store}",
            "External Secrets would not know where the store is, or as whom to read it",
            "describe the store there; docs/how-to/use-a-secret-store.md has an example of each",
        )
    for name in stated:
        if name != secrets.store:
            yield at(
                f"secrets.{name}",
                f"is set, and secrets.store is {secrets.store}",
                "it would have no effect",
                f"set secrets.store to {name}, or remove it",
            )
    if secrets.store == "none":
        for name, field in _WITH_A_STORE.items():
            if getattr(secrets, name) is not None:
                yield at(
                    f"secrets.{field}",
                    "is set, and secrets.store is none",
                    "it would have no effect",
                    "choose a store, or remove it",
                )


def the_store_can_be_read(config: StackConfig) -> Iterator[Problem]:
    """The fields of the chosen store fit together."""
    secrets, found = config.secrets, list[tuple[str, Problem]]()
    if secrets.vault is not None:
        found += [("vault", problem) for problem in ca_problems(secrets.vault.ca)]
    if secrets.aws is not None:
        problems = role_problems(secrets.aws.identity, secrets.aws.role)
        found += [("aws", problem) for problem in problems]
    for name in ("gcp", "azure"):
        store: Any = getattr(secrets, name)
        if store is not None and store.prefix is not None:
            found += [(name, problem) for problem in flat_prefix_problems(store.prefix)]
    for name, problem in found:
        path = f"secrets.{name}.{problem.path}"
        yield at(path, problem.what, problem.consequence, problem.fix)


def generated_secrets_have_free_names(config: StackConfig) -> Iterator[Problem]:
    """No Secret has the name of one that holds the random values created for another."""
    if config.secrets.store == "none":
        return
    taken = {secret["name"] for secret in required_secrets(config)}
    for field, name in config.secrets.names.items():
        if name.endswith(_GENERATED) and name.removesuffix(_GENERATED) in taken:
            yield at(
                f"secrets.{field}",
                f"ends with {_GENERATED}, and the rest is the name of another Secret",
                "External Secrets would write its random values into this Secret",
                "choose another name",
            )


def an_entry_is_copied_whole(config: StackConfig) -> Iterator[Problem]:
    """One Secret of the cluster has all keys of the entry that it is copied into."""
    if config.secrets.store == "none":
        return
    copied = {
        one.name: set(one.keys)
        for _, one in synced_secrets(config)
        if one.source is SecretSource.CLUSTER
    }
    fields = {name: field for field, name in config.secrets.names.items()}
    for secret in required_secrets(config):
        missing = sorted(set(secret["keys"]) - copied.get(secret["name"], set(secret["keys"])))
        if missing:
            yield at(
                f"secrets.{fields.get(secret['name'], 'source')}",
                f"names a Secret that has {', '.join(missing)} in {secret['namespace']} only",
                "an entry of the store is a copy of one Secret: these keys would be missing",
                "set secrets.source to store, and write the entry once by hand",
            )


SECRET_STORE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("secrets",), the_store_has_its_section),
    (("secrets",), the_store_can_be_read),
    (("secrets", "topology", "servers", "kubernetes"), generated_secrets_have_free_names),
    (("secrets", "topology", "servers", "kubernetes"), an_entry_is_copied_whole),
]
"""Each rule with what it reads."""
