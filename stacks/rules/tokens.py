"""Rules about tokens: one audience for each target, and access to each issuer's keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.mcp.auth import JWKS_MAX_AGE, resource_url

from ..config.stack import StackConfig
from .clouds import switched_on
from .rule import Rule, at

_ALL_REFUSED: Final = "clients ask for tokens for that URL: all of those would be refused"
_MOVE: Final = (
    "leave it out, or move it to protocol.additionalAudiences if your issuer cannot issue tokens "
    "for a URL"
)


def targets(config: StackConfig) -> dict[str, str | None]:
    """Where the stack goes, each with its URL; None where that is known after deployment only."""
    found: dict[str, str | None] = {}
    if config.kubernetes.enabled:
        found["the cluster"] = resource_url(config.domain) if config.domain else None
    for each in switched_on(config):
        domain: str | None = getattr(each.section, "domain", None)
        found[each.path] = resource_url(domain) if domain else None
    return found


def the_audience_is_the_url_of_the_target(config: StackConfig) -> Iterator[Problem]:
    """`protocol.audience` is the URL of the one target: tokens are valid at one target only."""
    audience, all_targets = config.protocol.audience, targets(config)
    if audience is None or not all_targets:
        return
    if len(all_targets) > 1:
        yield at(
            "protocol.audience",
            f"is {audience} for {len(all_targets)} targets: {', '.join(all_targets)}",
            "a token for one of them would be accepted by all, and the URL that each advertises "
            "by none",
            "leave it out: the audience of each target is its own URL",
        )
        return
    [(name, url)] = all_targets.items()
    if url is None:
        yield at(
            "protocol.audience",
            f"is {audience}, and the URL of {name} is known only when it is deployed",
            _ALL_REFUSED,
            _MOVE,
        )
    elif audience != url:
        yield at("protocol.audience", f"is {audience}, not {url}", _ALL_REFUSED, _MOVE)


def additional_audiences_are_of_one_target(config: StackConfig) -> Iterator[Problem]:
    """A token for a name that several targets share could be replayed."""
    if config.protocol.additional_audiences and len(all_targets := targets(config)) > 1:
        yield at(
            "protocol.additionalAudiences",
            f"is set, and the stack has {len(all_targets)} targets: {', '.join(all_targets)}",
            "a token for one of them would be accepted by all",
            "leave it out, or deploy each target with a stack of its own",
        )


def issuers_differ(config: StackConfig) -> Iterator[Problem]:
    """Each issuer has its own keys."""
    seen = {config.protocol.issuer}
    for index, other in enumerate(config.protocol.additional_issuers):
        if other.issuer in seen:
            yield at(
                f"protocol.additionalIssuers[{index}].issuer",
                f"{other.issuer} is listed already",
                "tokens of this issuer could be verified with the wrong keys",
                "list each issuer once",
            )
        seen.add(other.issuer)


def the_age_of_keys_is_used(config: StackConfig) -> Iterator[Problem]:
    """``protocol.jwksMaxAgeSeconds`` is set only if keys are fetched."""
    protocol = config.protocol
    if protocol.jwks_max_age_seconds != JWKS_MAX_AGE and not protocol.key_urls:
        yield at(
            "protocol.jwksMaxAgeSeconds",
            "is set, and protocol.jwksUrl is not",
            "it would have no effect: keys from a Secret are read again every 10 seconds",
            "leave it out, or set protocol.jwksUrl",
        )


def egress_to_the_issuer_is_allowed(config: StackConfig) -> Iterator[Problem]:
    """Egress to `protocol.jwksUrl` is allowed."""
    network = config.network
    if config.protocol.key_urls and not (network.issuer or network.issuer_pods):
        yield at(
            "network.issuer",
            "is empty, but the servers fetch keys from protocol.jwksUrl",
            "the network policies would drop that: every token would be refused",
            "list the networks of your authorization server, such as - 203.0.113.0/24, or set "
            "network.issuerPods if it runs in this cluster",
        )


def a_private_authority_can_be_mounted(config: StackConfig) -> Iterator[Problem]:
    """Only a pod mounts the certificates of an issuer's CA."""
    if not config.secrets.issuer_ca:
        return
    for each in switched_on(config):
        yield at(
            "secrets.issuerCa",
            f"is set, and {each.path} is switched on",
            "a function or a managed container cannot mount it: every token would be refused there",
            f"give the issuer a public certificate, or set {each.path}.enabled: false",
        )


_EVERYWHERE: Final = ("domain", "kubernetes.enabled", "serverless", "containers")
TOKEN_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("protocol.audience", *_EVERYWHERE), the_audience_is_the_url_of_the_target),
    (
        ("protocol.additionalAudiences", *_EVERYWHERE),
        additional_audiences_are_of_one_target,
    ),
    (("protocol.issuer", "protocol.additionalIssuers"), issuers_differ),
    (("protocol",), the_age_of_keys_is_used),
    (("secrets.issuerCa", "serverless", "containers"), a_private_authority_can_be_mounted),
]
"""Each rule with the paths that it reads."""

ISSUER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (
        (
            "protocol.jwksUrl",
            "protocol.additionalIssuers",
            "network.issuer",
            "network.issuerPods",
        ),
        egress_to_the_issuer_is_allowed,
    ),
]
"""Rules for a stack with a cluster."""
