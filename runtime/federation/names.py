"""The names under which tools, prompts and resources of other servers are offered.

The tool `forecast` of the server `weather` is offered as `weather__forecast`, its resource
`file:///map` as `weather+file:///map`. A name of a server has neither `_` nor `+`.
"""

from __future__ import annotations

import hashlib
from typing import Any, cast

SEPARATOR = "__"
URI_SEPARATOR = "+"
LONGEST_NAME = 64
"""Some hosts of clients pass on no longer name of a tool to their model."""
_DIGEST = 8


def offered_name(server: str, name: str) -> str:
    """The name of a tool or prompt with the server's prefix, shortened if it is too long."""
    full = f"{server}{SEPARATOR}{name}"
    if len(full) <= LONGEST_NAME:
        return full
    digest = hashlib.sha256(full.encode()).hexdigest()[:_DIGEST]
    return f"{full[: LONGEST_NAME - _DIGEST - 1]}_{digest}"


def prefix_of(name: str) -> str | None:
    """What is before the separator; None if there is no separator."""
    prefix, separator, _ = name.partition(SEPARATOR)
    return prefix if separator else None


def offered_uri(server: str, uri: str) -> str:
    """A URI, or a template of URIs, with the server in its scheme."""
    return f"{server}{URI_SEPARATOR}{uri}"


def server_and_uri(offered: str) -> tuple[str, str]:
    """The server of an offered URI, and the URI there; the server is "" if it names none."""
    server, separator, uri = offered.partition(URI_SEPARATOR)
    return (server, uri) if separator else ("", offered)


def with_offered_uris(result: dict[str, Any], server: str) -> dict[str, Any]:
    """A result whose links and embedded resources can be read under the URIs in it."""
    changed = dict(result)
    if "content" in result:
        changed["content"] = _contents(result["content"], server)
    if isinstance(result.get("contents"), list):
        changed["contents"] = [_with_uri(one, server) for one in result["contents"]]
    if isinstance(result.get("messages"), list):
        changed["messages"] = [_with_content(one, server) for one in result["messages"]]
    return changed


def _with_content(message: Any, server: str) -> Any:
    match message:
        case {"content": content}:
            return {**message, "content": _contents(content, server)}
        case _:
            return message


def _contents(content: Any, server: str) -> Any:
    if isinstance(content, list):
        return [_content(one, server) for one in cast("list[Any]", content)]
    return _content(content, server)


def _content(content: Any, server: str) -> Any:
    match content:
        case {"type": "resource_link"}:
            return _with_uri(content, server)
        case {"type": "resource", "resource": resource}:
            return {**content, "resource": _with_uri(resource, server)}
        case _:
            return content


def _with_uri(thing: Any, server: str) -> Any:
    match thing:
        case {"uri": str(uri)}:
            return {**thing, "uri": offered_uri(server, uri)}
        case _:
            return thing
