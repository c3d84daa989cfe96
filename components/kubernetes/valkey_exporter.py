"""The exporter of Valkey's metrics, a container in each of its pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Image, SecretName
from ..mcp.data_tier import VALKEY
from .container import Container, Port
from .pod_settings import SecretKey
from .resources import EXPORTER_RESOURCES, Resources
from .valkey_users import PASSWORD, ValkeyUser, acl_rules

EXPORTER: Final = "exporter"
"""User of the exporter."""
EXPORTER_PORT: Final = 9121
EXPORTER_RULES: Final = {EXPORTER: acl_rules(["ping", "info", "slowlog|len", "latency|latest"])}
"""No command that reads a key, a setting or what other clients send."""


@dataclass(frozen=True, kw_only=True)
class ValkeyExporter:
    """The exporter beside Valkey.

    Attributes:
        image: redis_exporter, which reads its settings from variables named ``REDIS_…``.
        secret: Secret with the key ``password`` of the user ``exporter``.
        resources: of the exporter.
    """

    image: pulumi.Input[Image]
    secret: SecretName
    resources: Resources = EXPORTER_RESOURCES

    @property
    def user(self) -> ValkeyUser:
        """The exporter's user; its rules are ``EXPORTER_RULES``."""
        return ValkeyUser(name=EXPORTER, secret=self.secret)


def exporter_container(exporter: ValkeyExporter) -> Container:
    """The exporter. Without probes: a pod must not lose clients because its exporter fails."""
    return Container(
        name="exporter",
        image=exporter.image,
        command=[],
        ports=[Port(name="metrics", number=EXPORTER_PORT)],
        resources=exporter.resources,
        env={
            # Over the pod's loopback, where only this Valkey listens: its certificate has other
            # names.
            "REDIS_ADDR": f"rediss://127.0.0.1:{VALKEY}",
            "REDIS_EXPORTER_SKIP_TLS_VERIFICATION": "true",
            "REDIS_USER": EXPORTER,
            "REDIS_EXPORTER_WEB_LISTEN_ADDRESS": f":{EXPORTER_PORT}",
            # Commands that its user may not run.
            "REDIS_EXPORTER_CONFIG_COMMAND": "-",
            "REDIS_EXPORTER_SET_CLIENT_NAME": "false",
        },
        secret_env={"REDIS_PASSWORD": SecretKey(secret=exporter.secret, key=PASSWORD)},
    )
