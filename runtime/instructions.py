"""What a server tells every client about itself when it connects."""

from __future__ import annotations

from collections.abc import Sequence

ABOUT: dict[str, str] = {
    "remember": (
        "What `remember` keeps is yours alone: read it with `recall` or as a resource"
        " `memory:///<name>`."
    ),
    "seal": (
        "The keys of `seal`, `open_sealed` and `sign` are ML-KEM-768 and ML-DSA-65 keys that the"
        " server derives for each user. Whoever runs the server could use them."
    ),
    "vault_write": (
        "The vault encrypts values for each user before they are stored. Whoever runs the server"
        " could decrypt them. It is no part of a QuDAG network."
    ),
    "node_identity": (
        "The QuDAG node of this server is a stand-in. It keeps a key and asks its peers whether"
        " they answer. There is no DAG and no consensus: nothing is ordered, written or agreed on."
    ),
}
"""A sentence for each tool that needs one."""


ABSENT: dict[str, str] = {
    "seal": "This server has no keys of users: it can neither encrypt nor sign.",
    "vault_write": "This server has no vault.",
}
"""A sentence for each tool of the role that this server cannot offer."""


def instructions_of(offered: Sequence[str], of_role: Sequence[str]) -> str | None:
    """What to say about the tools that are offered, and about those that the role has besides.

    None if there is nothing to say.
    """
    said = [text for tool, text in ABOUT.items() if tool in offered]
    said += [text for tool, text in ABSENT.items() if tool in of_role and tool not in offered]
    return "\n".join(said) or None
