"""Values that are planted in place of secrets, and the search for them in any form."""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import quote

SEPARATOR: Final = "-_"
"""Between the halves of a canary: characters that every program takes in a password."""
_COMPRESSED: Final = re.compile(r"H4sI[A-Za-z0-9+/]{16,}")
"""The beginning of each gzip file in base64, as ``binaryData`` of a ConfigMap has it."""


@dataclass(frozen=True)
class Canary:
    """A planted value.

    Attributes:
        name: of the secret, as a failing test names it.
        text: the value.
    """

    name: str
    text: str

    @classmethod
    def of(cls, name: str) -> Canary:
        """A value for a secret; it is the same in each run, and no two names share one."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        return cls(name, f"{digest[:24]}{SEPARATOR}{digest[24:48]}")

    @property
    def parts(self) -> list[str]:
        """Texts that are secret by themselves: the halves, or the lines of a private key."""
        lines = [one for one in self.text.splitlines() if one and not one.startswith("-----")]
        if len(lines) > 1:
            return [line for line in lines if len(line) >= 16]
        half = len(self.text) // 2
        return [self.text[: half - 1], self.text[half + 1 :]]

    @cached_property
    def forms(self) -> dict[str, str]:
        """The searched texts, each with the name of its form."""
        found: dict[str, str] = {}
        for number, part in enumerate(self.parts, 1):
            written = {
                "in clear": [part],
                "in reverse": [part[::-1]],
                "in capitals": [part.upper()],
                "URL-encoded": [quote(part, safe="")],
                "in hex": [part.encode().hex(), part.encode().hex().upper()],
                "in base64": base64_forms(part),
            }
            for form, texts in written.items():
                for text in texts:
                    found.setdefault(text, f"part {number} {form}")
        return found


def base64_forms(text: str) -> list[str]:
    """What base64 makes of a text, wherever in the encoded bytes it begins."""
    found: list[str] = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        # The first characters and the last one have bits of the bytes beside the text.
        certain = encoded[(0, 2, 3)[before] : -1]
        found += [certain, certain.replace("+", "-").replace("/", "_")]
    return found


def leaks(canaries: Iterable[Canary], texts: Mapping[str, str]) -> list[str]:
    """Where each canary is found: the secret, its form, and the name of the text.

    Files of gzip in base64 are read as well.
    """
    every = [
        *texts.items(),
        *(
            (f"{where}, in gzip", inner)
            for where, text in texts.items()
            for inner in unzipped(text)
        ),
    ]
    return [
        f"{one.name} ({how}) in {where}"
        for one in canaries
        for form, how in one.forms.items()
        for where, text in every
        if form in text
    ]


def unzipped(text: str) -> Iterator[str]:
    """What each file of gzip contains that a text has in base64."""
    for found in _COMPRESSED.findall(text):
        raw = base64.b64decode(found[: len(found) // 4 * 4])
        with contextlib.suppress(zlib.error):  # a text that only looks like one
            # What comes after its end is no part of it.
            yield zlib.decompressobj(wbits=31).decompress(raw).decode(errors="replace")


def in_every_form(canary: Canary) -> dict[str, str]:
    """The value as programs write it, by the name of the form: what a search has to find."""
    text, half = canary.text, len(canary.text) // 2
    raw = text.encode()
    return {
        "clear": f"x{text}y",
        "quoted": repr(text) + '"',
        "base64": base64.b64encode(raw).decode(),
        "base64 of a pair": base64.b64encode(b"user:" + raw).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(b"me:" + raw).decode(),
        "hex": binascii.hexlify(raw).decode(),
        "URL": f"postgres://a:{quote(text, safe='')}@b",
        "the first half": text[:half],
        "the second half": text[half:],
        "in reverse": text[::-1],
        "gzip": base64.b64encode(gzip.compress(f"password: {text}\n".encode())).decode(),
    }
