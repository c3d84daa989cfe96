"""The session store on AWS: tables of DynamoDB, and a server's rights on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.server_config import State
from .identity import Right
from .location import AwsLocation
from .naming import physical_name
from .session_tables import CONNECTIONS, SESSIONS

TABLE: Final = "aws:dynamodb/table:Table"


def session_store(
    owner: Component[Any],
    location: AwsLocation,
    *,
    protect: bool,
    key: str | None,
    websocket: bool = False,
) -> tuple[State, list[Right]]:
    """The tables, as the server's configuration names them, and the rights that it needs.

    The table for connections is for a WebSocket API: a container holds its sockets itself. There
    is no right to query the index of users, because the server does not query it.
    """
    sessions = _table(owner, location, "sessions", SESSIONS, protect=protect, key=key)
    where: dict[str, pulumi.Input[str]] = {
        "sessions": sessions.output("name"),
        "region": location.region,
    }
    rights = [
        Right(
            actions=("dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
            resources=[sessions.output("arn")],
        ),
    ]
    if websocket:
        connections = _table(owner, location, "connections", CONNECTIONS, protect=protect, key=key)
        where["connections"] = connections.output("name")
        rights.append(
            Right(
                actions=("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"),
                resources=[connections.output("arn")],
            )
        )
    return State(kind="dynamodb", where=where), rights


def _table(
    owner: Component[Any],
    location: AwsLocation,
    role: str,
    schema: Mapping[str, Any],
    *,
    protect: bool,
    key: str | None,
) -> CloudResource:
    return CloudResource(
        TABLE,
        owner.named(role),
        {
            **schema,
            "name": physical_name(TABLE, owner, location, role),
            "serverSideEncryption": {"enabled": True, **({"kmsKeyArn": key} if key else {})},
            "pointInTimeRecovery": {"enabled": True},
            "deletionProtectionEnabled": protect,
        },
        outputs=("arn",),
        opts=owner.owned(protect=protect),
    )
