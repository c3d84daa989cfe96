"""Forms of what workloads connect to outside the platform."""

from __future__ import annotations

from typing import Annotated

from components.base import arg_forms, network_forms

from .forms import checked, constraint

EgressHost = Annotated[str, constraint(arg_forms.EGRESS_HOST), checked(arg_forms.EGRESS_HOST)]
NetworkPort = Annotated[
    str, constraint(network_forms.NETWORK_PORT), checked(network_forms.NETWORK_PORT)
]
