"""Forms of the logins at caches of clouds."""

from __future__ import annotations

from typing import Final

from .constraints import Form

_REFUSED: Final = "the cache refuses the login: every request of a session fails"

CACHE_USER: Final = Form(
    name="user of the cache",
    pattern="^[A-Za-z0-9][A-Za-z0-9-]{0,63}$",
    words="the name of a user of the cache, or the object id of an identity",
    examples=("qudag-mcp-cache", "0a1b2c3d-0000-4000-8000-0123456789ab"),
    consequence=_REFUSED,
    longest=64,
)
CACHE_NAME: Final = Form(
    name="cache name",
    pattern="^[a-z][a-z0-9-]{0,39}$",
    words="the id of a replication group: lower-case letters, digits and dashes",
    examples=("qudag-mcp-cache",),
    consequence=_REFUSED,
    longest=40,
)
AWS_REGION: Final = Form(
    name="AWS region",
    pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$",
    words="a region of AWS",
    examples=("eu-west-1",),
    consequence=_REFUSED,
)
