"""Base class of functions and containers on AWS: names, roles, state and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.cloud_server import CloudServer
from ..mcp.era import has_sessions
from ..mcp.server_config import State
from .alarms import Alarm, metric_alarm
from .identity import Right, service_role
from .naming import physical_name
from .server_args import AwsServerArgs
from .session_store import session_store

Args = TypeVar("Args", bound=AwsServerArgs)


class AwsServer(CloudServer[Args]):
    """A server on AWS."""

    def physical_name(self, args: Args, token: str, *role: str) -> str:
        """The name in the account of the resource that has ``role``."""
        return physical_name(token, self, args.location, *role)

    def role(
        self, args: Args, role: str, *, service: str, of_this_account: bool = True
    ) -> CloudResource:
        """A role without permissions.

        Args:
            args: the server's.
            role: its role in this component.
            service: the service of AWS that may assume it.
            of_this_account: only for the resources of this account; Lambda sends no such condition.
        """
        account: Mapping[str, Any] = {"aws:SourceAccount": args.location.account}
        return service_role(
            self,
            args.location,
            role,
            service=service,
            condition={"StringEquals": account} if of_this_account else None,
        )

    def session_store(
        self, args: Args, *, websocket: bool = False
    ) -> tuple[State | None, list[Right]]:
        """The tables for sessions and open sockets, where there are any, and the rights on them."""
        if has_sessions(args.config.era) or websocket:
            return session_store(
                self,
                args.location,
                protect=args.protect,
                key=args.kms_key,
                websocket=websocket,
            )
        return None, []

    def alarms(
        self,
        args: Args,
        alarms: Mapping[str, Alarm],
        *,
        dimensions: Mapping[str, pulumi.Input[str]],
    ) -> None:
        """Alarms on metrics of one set of dimensions, by their role."""
        for role, alarm in alarms.items():
            metric_alarm(
                self,
                args.location,
                role,
                alarm,
                dimensions=dimensions,
                topics=[args.alarm_topic] if args.alarm_topic else [],
            )
