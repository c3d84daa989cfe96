"""What must hold where a workload of monitoring connects to the issuer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from components.base.problems import Problem
from components.mcp.auth import key_ports

from ..config.stack import StackConfig
from .rule import at


def issuer_is_reachable(
    config: StackConfig, section: str, urls: Mapping[str, str], *, who: str, then: str
) -> Iterator[Problem]:
    """Network policies allow connections to the issuer, at the ports of its keys.

    Args:
        config: of the stack.
        section: path of what needs the issuer.
        urls: its endpoints, by the field of the section.
        who: connects to it.
        then: what follows if it cannot.
    """
    network = config.network
    ports = key_ports(config.protocol.key_urls)
    if not network.issuer and network.issuer_pods is None:
        yield at(
            section,
            "is set, and network.issuer and network.issuerPods are not",
            f"no network policy would let {who} connect to the issuer",
            "list the networks of the issuer in network.issuer",
        )
        return
    if network.issuer_pods and network.issuer_pods.port:
        return
    listed = ", ".join(str(one) for one in ports) or "none"
    for field, url in urls.items():
        port = urlsplit(url).port or 443
        if port not in ports:
            yield at(
                f"{section}.{field}",
                f"has port {port}; network policies allow only those of the issuer's keys: "
                f"{listed}",
                f"the connection would be refused: {then}",
                "name an endpoint at one of these ports, or set protocol.jwksUrl to that issuer's "
                "keys",
            )
