"""What must hold between the configuration and the cluster that it will meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base import forms
from components.base.problems import Problem

from ..config.stack import StackConfig
from ..required_secrets import certified_names
from .rule import Rule, at

INTERNAL_TLS: Final = "internalTls"
PRIVATE_KEYS: Final = ("mcp-local-ca", "mcp-issuer-signer")
"""Secrets that `up` keeps in a local cluster for itself: no pod may ever mount them."""


def secrets_are_distinct(config: StackConfig) -> Iterator[Problem]:
    """Each Secret has one purpose: a pod that mounts one must not see another's keys."""
    seen: dict[str, str] = {}
    named = [
        (field, name)
        for field, name in config.secrets.model_dump(by_alias=True).items()
        if field != INTERNAL_TLS
    ]
    named += [
        (INTERNAL_TLS, config.secrets.internal_tls_of(workload))
        for workload in certified_names(config)
    ]
    longest = max((name for _, name in named), key=len)
    if (excess := len(longest) - forms.SECRET_NAME.longest) > 0:
        yield at(
            f"secrets.{INTERNAL_TLS}",
            f"names the Secret {longest}, which is {excess} characters too long",
            "the components refuse a Secret's name of more than "
            f"{forms.SECRET_NAME.longest} characters",
            f"shorten it by {excess}",
        )
    for field, name in named:
        if other := seen.get(name):
            yield at(
                f"secrets.{field}",
                f"names the same Secret as secrets.{other}",
                "pods would be given keys that are not for them, and its keys would clash",
                "name two Secrets",
            )
        if name in PRIVATE_KEYS:
            yield at(
                f"secrets.{field}",
                f"names {name}, in which `up` keeps a private key of local clusters",
                "pods would hold the key that signs certificates or tokens",
                "name another Secret, or leave it out for the default",
            )
        seen.setdefault(name, field)


def the_namespace_is_our_own(config: StackConfig) -> Iterator[Problem]:
    """A stack makes its namespace, locks it, and deletes it with everything in it."""
    name = config.namespace
    if name == "default" or name.startswith("kube-"):
        yield at(
            "kubernetes.namespace",
            f"is {name}, which belongs to the cluster",
            "its other tenants would be cut off by our policies, and deleted with the stack",
            f"leave it out for qudag-mcp-{config.environment}, or choose a name of your own",
        )


CLUSTER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("secrets", "topology"), secrets_are_distinct),
    (("kubernetes.namespace", "environment"), the_namespace_is_our_own),
]
"""Each rule with what it reads."""
