"""Sessions and connections on AWS: two tables, and what a server may do with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from .aws import Right, physical
from .base import Component
from .cloud_resource import CloudResource
from .functions.tables import CONNECTIONS, SESSIONS, USER_INDEX
from .places import AwsPlace
from .server_config import State

TABLE = "aws:dynamodb/table:Table"


def kept_state(
    owner: Component[Any], place: AwsPlace, *, protect: bool
) -> tuple[State, list[Right]]:
    """Both tables: what the server is told of them, and the rights that its store needs."""
    sessions = _table(owner, place, "sessions", SESSIONS, protect=protect)
    connections = _table(owner, place, "connections", CONNECTIONS, protect=protect)
    state = State(
        kind="dynamodb",
        where={
            "sessions": sessions.output("name"),
            "connections": connections.output("name"),
            "region": place.region,
        },
    )
    return state, [
        Right(
            actions=("dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
            resources=[sessions.output("arn")],
        ),
        Right(
            actions=("dynamodb:Query",),
            resources=[pulumi.Output.concat(sessions.output("arn"), "/index/", USER_INDEX)],
        ),
        Right(
            actions=("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"),
            resources=[connections.output("arn")],
        ),
    ]


def _table(
    owner: Component[Any], place: AwsPlace, role: str, schema: Mapping[str, Any], *, protect: bool
) -> CloudResource:
    return CloudResource(
        TABLE,
        owner.named(role),
        {
            **schema,
            "name": physical(TABLE, owner, place, role),
            "serverSideEncryption": {"enabled": True},
            "pointInTimeRecovery": {"enabled": True},
            "deletionProtectionEnabled": protect,
        },
        outputs=("arn",),
        opts=owner.owned(protect=protect),
    )
