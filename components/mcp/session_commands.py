"""The commands of Valkey that the reference server sends."""

from __future__ import annotations

from typing import Final

SESSION_COMMANDS: Final = (
    *("ping", "evalsha", "script|load", "hgetall", "hget", "hset", "expire", "exists", "del"),
    *("zadd", "zcount", "zscore", "zrange", "zrem", "zremrangebyscore", "zremrangebyrank"),
)
"""The commands of ``runtime/stores/valkey.py``: its calls, and those of its scripts."""
