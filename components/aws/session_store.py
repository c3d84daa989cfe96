"""Sessions and connections on AWS: two tables, and what a server may do with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.server_config import State
from .identity import Right, physical
from .location import AwsLocation
from .session_tables import CONNECTIONS, SESSIONS

TABLE = "aws:dynamodb/table:Table"


def kept_state(
    owner: Component[Any], location: AwsLocation, *, protect: bool, websocket: bool = False
) -> tuple[State, list[Right]]:
    """The tables: what the server is told of them, and the rights that its store needs.

    Connections are kept for a WebSocket API alone: a container holds its sockets itself. Nobody
    asks for a user's sessions yet, so that there is no right to query their index.
    """
    sessions = _table(owner, location, "sessions", SESSIONS, protect=protect)
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
        connections = _table(owner, location, "connections", CONNECTIONS, protect=protect)
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
) -> CloudResource:
    return CloudResource(
        TABLE,
        owner.named(role),
        {
            **schema,
            "name": physical(TABLE, owner, location, role),
            "serverSideEncryption": {"enabled": True},
            "pointInTimeRecovery": {"enabled": True},
            "deletionProtectionEnabled": protect,
        },
        outputs=("arn",),
        opts=owner.owned(protect=protect),
    )
