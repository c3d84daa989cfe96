"""Tools that keep values of the caller encrypted in the database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from .database_pool import NoDatabaseError
from .dependencies import Name, Storable, ToolContext, caller_of
from .master_key import KeysError
from .vault_table import LONGEST_VALUE, VaultQuotaError, VaultTable

Value = Annotated[str, Field(max_length=LONGEST_VALUE), Storable]


async def vault_write(name: Name, value: Value, context: ToolContext) -> str:
    """Keep a value under a name, encrypted, for you alone. Names are not encrypted."""
    with _failures():
        await _vault(context).write(caller_of(context), name, value)
    return f"kept {name}"


async def vault_read(name: Name, context: ToolContext) -> str:
    """Return the value that you keep under a name in the vault, in the clear."""
    with _failures():
        value = await _vault(context).read(caller_of(context), name)
    if value is None:
        raise ToolError(f"the vault has nothing under {name}")
    return value


async def vault_names(context: ToolContext) -> list[str]:
    """List the names of your entries in the vault, without their values."""
    with _failures():
        return await _vault(context).names(caller_of(context))


async def vault_delete(name: Name, context: ToolContext) -> str:
    """Delete an entry of yours from the vault. Backups of the database may still have it."""
    with _failures():
        deleted = await _vault(context).delete(caller_of(context), name)
    if not deleted:
        raise ToolError(f"the vault has nothing under {name}")
    return f"deleted {name}"


@contextmanager
def _failures() -> Generator[None]:
    try:
        yield
    except (KeysError, NoDatabaseError, VaultQuotaError) as error:
        raise ToolError(str(error)) from None


def _vault(context: ToolContext) -> VaultTable:
    vault = context.request_context.lifespan_context.vault
    assert vault is not None
    return vault
