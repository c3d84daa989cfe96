"""What must hold between receivers of alerts and the platform's own Alertmanager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.stack import StackConfig
from ..egress import hosts_of_services, outside_ends
from ..monitoring import ALERTMANAGER, has_own_alertmanager
from .rule import Rule, at
from .sinks import may_be_in

_SECTION: Final = "observability.standalone.alertmanager"
_ALERTS: Final = "observability.alerts"


def fields_have_an_effect(config: StackConfig) -> Iterator[Problem]:
    """Its fields are set only if it runs, and outside dev its image is named."""
    section = config.observability.standalone
    stated = {
        _SECTION: section.alertmanager if section else None,
        "images.alertmanager": config.images.alertmanager,
    }
    if not has_own_alertmanager(config):
        for path, value in stated.items():
            if value is not None:
                yield at(
                    path,
                    "is set, and no Alertmanager is deployed",
                    "it would have no effect",
                    "set observability.kind to standalone and list observability.alerts.receivers, "
                    "or remove it",
                )
    elif config.environment != "dev" and config.images.alertmanager is None:
        yield at(
            "images.alertmanager",
            "is missing, and alerts have receivers",
            "a tag can be moved: an image that was never tested could run",
            f"name it with its digest: {VERSIONS['images']['alertmanager']}@sha256:…",
        )


def receivers_can_be_reached(config: StackConfig) -> Iterator[Problem]:
    """Network policies open what each receiver needs, by its host or its network."""
    if not has_own_alertmanager(config):
        return
    alerts, ends = config.observability.alerts, outside_ends(config)[ALERTMANAGER]
    stated = [host for host in ends.hosts if host not in hosts_of_services(config)]
    by_name = config.network.host_egress == "cilium"
    webhooks = {
        f"{_ALERTS}.receivers[{index}].webhook": one.webhook
        for index, one in enumerate(alerts.receivers)
    }
    for path, one in {**webhooks, f"{_ALERTS}.deadMansSwitch": alerts.dead_mans_switch}.items():
        if one is not None and not stated and not ends.networks:
            yield at(
                path,
                f"is set, and {_SECTION}.egress has no hosts and no networks",
                "network policies would refuse the connection: nobody would be notified",
                "list the host and port of its URL in egress.hosts",
            )
    for index, one in enumerate(alerts.receivers):
        if one.email is None:
            continue
        server = one.email.smarthost
        host, _, port = server.rpartition(":")
        ends_of_port = (each.rpartition(":") for each in ends.networks)
        allowed = [network for network, _, opened in ends_of_port if opened == port]
        if not may_be_in(host, allowed) and not (by_name and server in ends.hosts):
            yield at(
                f"{_ALERTS}.receivers[{index}].email.smarthost",
                f"is {server}, and {_SECTION}.egress.networks has no network of it with port "
                f"{port}",
                "network policies would refuse the connection: no mail would be sent",
                "list its network and port there; the egress proxy passes no mail on",
            )


def hosts_are_listed_once(config: StackConfig) -> Iterator[Problem]:
    """No host is listed twice, and none that its receivers open."""
    section = config.observability.standalone
    stated = section.alertmanager.egress if section and section.alertmanager else None
    if stated is None:
        return
    opened = hosts_of_services(config)
    for field, listed in (("hosts", stated.hosts), ("networks", stated.networks)):
        for index, each in enumerate(listed):
            if each in listed[:index] or each in opened:
                why = "its receiver opens it" if each in opened else "it is listed above"
                yield at(
                    f"{_SECTION}.egress.{field}[{index}]",
                    f"is {each}, and {why}",
                    "one of the two has no effect",
                    "leave it out",
                )


OWN_ALERTMANAGER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability", "images", "environment"), fields_have_an_effect),
    (("observability", "network.hostEgress"), receivers_can_be_reached),
    (("observability",), hosts_are_listed_once),
]
"""Each rule with what it reads."""
