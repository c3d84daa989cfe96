"""Section `data.valkey`: the Valkey that runs in the cluster."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.base import arg_forms

from .forms import Bytes, Cpu, constraint
from .section import Section

ValkeySize = Annotated[str, constraint(arg_forms.VALKEY_BYTES)]


class ValkeyResources(Section):
    """Requests and limits of Valkey's container."""

    cpu: Cpu = Field(default="100m", description="CPU request.")
    memory: Bytes = Field(default="256Mi", description="Memory request.")
    cpu_limit: Cpu = Field(default="1", description="CPU limit.")
    memory_limit: Bytes = Field(default="1Gi", description="Memory limit.")


class Valkey(Section):
    """The Valkey that runs in the cluster."""

    memory: ValkeySize = Field(
        default="256mb",
        description="Most memory for keys and values (maxmemory). The memory limit of its "
        "container must be twice as much, or 1.25 times as much with cacheProfile: cache.",
    )
    tcp_keepalive: int = Field(
        default=60,
        ge=1,
        le=7200,
        description="Seconds after which a silent client is probed.",
    )
    timeout: int = Field(
        default=300,
        ge=0,
        le=86_400,
        description="Seconds after which an idle connection is closed; 0: never.",
    )
    replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="1, or 3 or 5 pods with a replica and a Sentinel each: when the primary fails, "
        "another replica takes over within about 10 seconds.",
    )
    exporter: bool = Field(
        default=False,
        description="Export metrics at port 9121 of its pods, for network.prometheus.",
    )
    shared_password: bool = Field(
        default=False,
        description="Keep the user default with the key redis-password of secrets.passwords, with "
        "all rights: while pods of an older version run.",
    )
    resources: ValkeyResources | None = Field(
        default=None,
        description="Of its container; absent: requests 100m and 256Mi, limits 1 CPU and 1Gi.",
    )
