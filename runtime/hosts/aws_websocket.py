"""WebSocket events of API Gateway, until they are served: each is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aws_lambda import Context, Host


def handle(_event: dict[str, Any], _context: Context, _host: Host) -> dict[str, Any]:
    """The answer to API Gateway, by whose status a connection is let in or not."""
    return {"statusCode": 501}
