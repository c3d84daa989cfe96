"""Your VPC as servers on Google Cloud use it."""

from __future__ import annotations

from .location import GcpLocation


def network_interfaces(location: GcpLocation) -> list[dict[str, str]]:
    """The interface by which a server connects to private addresses; none without a network."""
    interface = {"network": location.network, "subnetwork": location.subnetwork}
    named = {key: value for key, value in interface.items() if value}
    return [named] if location.network else []
