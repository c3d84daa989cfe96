"""Text that cannot control a terminal, nor the direction of a line on a page."""

from __future__ import annotations

from typing import Final

_SIGNS: Final = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"},
    **dict.fromkeys(
        [*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F],
        "\ufffd",
    ),
}


def visible(text: str) -> str:
    """The text with a visible sign in place of each control character."""
    return text if text.isprintable() else text.translate(_SIGNS)
