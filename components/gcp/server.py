"""What a function and a container on Google Cloud share: accounts, state, logs and callers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.auth import Resource
from ..mcp.cloud_server import CloudServer
from ..mcp.era import has_sessions
from ..mcp.server_config import State
from ..mcp.server_names import CONFIG_VARIABLE
from ..mcp.server_toml import environment_toml
from .access import allow_callers
from .identity import service_account
from .logs import log_bucket
from .monitored import GcpMonitoredService
from .naming import physical_name
from .otlp import otlp_token
from .secrets import allow_reading
from .server_args import GcpServerArgs
from .session_store import session_store

Args = TypeVar("Args", bound=GcpServerArgs)


class GcpServer(CloudServer[Args]):
    """A server on Google Cloud, which is a service of Cloud Run in either form.

    Attributes:
        RESOURCE_TYPE: type token of the resource that serves.
        NOUN: what the cloud calls it.
        monitored: what `GcpMonitoring` monitors.
    """

    RESOURCE_TYPE: ClassVar[str]
    NOUN: ClassVar[str]
    monitored: GcpMonitoredService

    def deploy(self, args: Args) -> pulumi.Input[str]:
        name = physical_name(self.RESOURCE_TYPE, self, args.location)
        account = service_account(
            self, args.location, "run", purpose=f"what the {self.NOUN} may do"
        )
        state, waits = self._session_store(args, account)
        waits += allow_reading(self, account, {**args.secrets, **otlp_token(args.receiver)})
        # Google routes a request to the service that its Host names; the rest of the name, a number
        # or a hash, is known when the service exists.
        resource = Resource(hosts=[f"{name}-*.run.app"])
        settings = environment_toml(
            args.config, resource, state=state, upstream=args.front_of, otlp=args.receiver
        )
        variables = {CONFIG_VARIABLE: settings}
        service, address = self.service(args, name, account, variables, waits)
        allow_callers(self, args.location, service.output("name"), args.access)
        log_bucket(
            self,
            args.location,
            name,
            retention_days=args.log_retention_days,
            key=args.kms_key,
        )
        self.monitored = GcpMonitoredService(
            name=self.name,
            service=service.output("name"),
            max_instances=args.max_instances,
            min_instances=args.min_instances,
        )
        return f"https://{args.config.domain}" if args.config.domain else address

    def service(
        self,
        args: Args,
        name: str,
        account: CloudResource,
        variables: dict[str, Any],
        waits: Sequence[pulumi.Resource],
    ) -> tuple[CloudResource, pulumi.Output[str]]:
        """Creates the resource that serves.

        Args:
            args: the server's.
            name: its physical name.
            account: the service account that it runs as.
            variables: environment of the server.
            waits: resources that it depends on.

        Returns:
            The resource, and its own URL.
        """
        raise NotImplementedError

    def _session_store(
        self, args: Args, account: CloudResource
    ) -> tuple[State | None, list[pulumi.Resource]]:
        # The sessions of a user's image are in its memory.
        if args.front_of or not has_sessions(args.config.era):
            return None, []
        return session_store(self, args.location, account, protect=args.protect, key=args.kms_key)
