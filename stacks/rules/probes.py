"""What must hold between the probes of the gateway and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.stack import StackConfig
from ..monitoring import own_probes
from .issuer import issuer_is_reachable
from .rule import Rule, at, path_of

_SECTION: Final = "observability.standalone.probes"


def probes_can_be_sent(config: StackConfig) -> Iterator[Problem]:
    """The gateway has a name, and takes connections without the PROXY protocol."""
    if own_probes(config) is None:
        if config.images.blackbox_exporter is not None:
            yield at(
                "images.blackboxExporter",
                f"is set, and {_SECTION} is not",
                "it would have no effect",
                f"set {_SECTION}, or remove it",
            )
        return
    if config.domain is None:
        yield at(
            _SECTION,
            "is set, and domain is missing",
            "it is unknown for which name the certificate must be",
            "set domain to the name under which clients know the platform, or remove it",
        )
    if config.edge.proxy_protocol:
        yield at(
            _SECTION,
            "is set, and edge.proxyProtocol is true",
            "the gateway would close each connection: blackbox_exporter sends no PROXY protocol",
            "remove it, and probe from outside the cluster",
        )
    if config.environment != "dev" and config.images.blackbox_exporter is None:
        yield at(
            "images.blackboxExporter",
            f"is missing, and {_SECTION} is set",
            "a tag can be moved: an image that was never tested could run",
            f"name it with its digest: {VERSIONS['images']['blackboxExporter']}@sha256:…",
        )


def probes_get_tokens(config: StackConfig) -> Iterator[Problem]:
    """Probes with a token need no session, reach the issuer, and a tool has a token."""
    section = own_probes(config)
    if section is None:
        return
    token = section.token
    legacy = config.protocol.era == "legacy"
    if token and legacy:
        yield at(
            f"{_SECTION}.token",
            "is set, and protocol.era is legacy",
            "each probe would begin a session and never end it: the server answers 429 to a user "
            "with too many sessions",
            "remove it, or set protocol.era to dual",
        )
    if section.tool and token is None and not legacy:
        yield at(
            f"{_SECTION}.tool",
            f"is set, and {_SECTION}.token is not",
            "each call would be answered with 401",
            "set token, or remove it",
        )
    if section.tool and legacy:
        yield at(
            f"{_SECTION}.tool",
            "is set, and protocol.era is legacy",
            "a tool call needs a session, and a probe sends one request only",
            "remove it, or set protocol.era to dual",
        )
    if section.tool:
        from components.observability.re2 import re2_problem

        if why := re2_problem(section.tool.answer):
            yield at(
                f"{_SECTION}.tool.answer",
                f"is not a valid RE2 expression: {why}",
                "blackbox_exporter would not start",
                "write an expression such as sunny|rain",
            )
    if token is None:
        return
    yield from _parameters(token.parameters)
    yield from issuer_is_reachable(
        config,
        f"{_SECTION}.token",
        {"url": token.url},
        who="a probe",
        then="no probe would get a token",
    )


def _parameters(given: Iterable[str]) -> Iterator[Problem]:
    from components.observability.probes import refused_parameter

    for name in given:
        if refused := refused_parameter(name):
            yield at(path_of(*_SECTION.split("."), "token", "parameters", name), *refused)


def an_exporter_of_yours_has_a_domain(config: StackConfig) -> Iterator[Problem]:
    """The public address that a blackbox_exporter of the user asks is known."""
    operator = config.observability.operator
    if operator and operator.blackbox_exporter and config.domain is None:
        yield at(
            "observability.operator.blackboxExporter",
            "is set, and domain is missing",
            "there is no public address that it could probe",
            "set domain to the name under which clients know the platform, or remove it",
        )
    exporters = config.observability.alerts.exporters
    if operator and operator.blackbox_exporter and "blackbox" in exporters:
        yield at(
            f"observability.alerts.exporters[{exporters.index('blackbox')}]",
            "is blackbox, and observability.operator.blackboxExporter is set",
            "the stack already has these alerts",
            "leave it out",
        )


PROBE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability", "images", "environment", "domain", "edge"), probes_can_be_sent),
    (("observability", "network", "protocol"), probes_get_tokens),
    (("observability", "domain"), an_exporter_of_yours_has_a_domain),
]
"""Each rule with what it reads."""
