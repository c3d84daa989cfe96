"""What a server tells every client about itself when it connects."""

from __future__ import annotations

from collections.abc import Sequence

ABOUT: dict[str, str] = {
    "remember": (
        "What `remember` keeps is yours alone: read it with `recall` or as a resource"
        " `memory:///<name>`."
    ),
    "node_identity": (
        "The QuDAG node of this server is a stand-in. It keeps a key and asks its peers whether"
        " they answer. There is no DAG and no consensus: nothing is ordered, written or agreed on."
    ),
}
"""A sentence for each tool that needs one."""


def instructions_of(tools: Sequence[str]) -> str | None:
    """The instructions of a server with these tools; None if there is nothing to say."""
    return "\n".join(text for tool, text in ABOUT.items() if tool in tools) or None
