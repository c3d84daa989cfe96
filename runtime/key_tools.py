"""Tools that encrypt and sign with the caller's post-quantum keys."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from .dependencies import Storable, ToolContext, caller_of
from .master_key import KeysError
from .user_keys import PublicKeys, UserKeys, is_signature, sealed

LONGEST_TEXT = 50_000
Text = Annotated[str, Field(max_length=LONGEST_TEXT), Storable]
Encoded = Annotated[str, Field(max_length=10_000)]
SealedText = Annotated[str, Field(max_length=400_000)]


class Verdict(BaseModel):
    """The result of `verify_signature`."""

    valid: bool


async def public_keys(context: ToolContext) -> PublicKeys:
    """Return your public keys: others seal texts for you with the ML-KEM-768 key, and verify your
    signatures with the ML-DSA-65 key. The server keeps the private keys: whoever runs it could
    use them.
    """
    with _failures():
        return _keys(context).public(caller_of(context))


async def seal(text: Text, public_key: Encoded) -> str:
    """Encrypt a text for the owner of an ML-KEM-768 public key: FIPS 203 key exchange, then
    AES-256-GCM. It does not prove who has sealed it: sign the text for that.
    """
    with _failures():
        return sealed(text, public_key)


async def open_sealed(sealed_text: SealedText, context: ToolContext) -> str:
    """Decrypt a text that was sealed for your own public key."""
    with _failures():
        return _keys(context).opened(sealed_text, caller_of(context))


async def sign(text: Text, context: ToolContext) -> str:
    """Sign a text as you, with the ML-DSA-65 key (FIPS 204) that the server keeps for you."""
    with _failures():
        return _keys(context).signed(text, caller_of(context))


async def verify_signature(text: Text, signature: Encoded, public_key: Encoded) -> Verdict:
    """Say whether the owner of an ML-DSA-65 public key has signed the text with `sign`."""
    with _failures():
        return Verdict(valid=is_signature(signature, text, public_key))


@contextmanager
def _failures() -> Generator[None]:
    try:
        yield
    except KeysError as error:
        raise ToolError(str(error)) from None


def _keys(context: ToolContext) -> UserKeys:
    keys = context.request_context.lifespan_context.keys
    assert keys is not None
    return keys
