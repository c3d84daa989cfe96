"""What a server records: each call before or after it, and each refusal."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from starlette.datastructures import Headers

from .audit_config import AuditSection
from .audit_metrics import AuditMetrics
from .audit_row import Row
from .audit_writer import AuditWriter, NotRecordedError
from .config import Config
from .exchange import Exchange
from .metrics import Metrics
from .resource import MCP_PATH

RECORDED: Final = frozenset(
    {"completion/complete", "prompts/get", "resources/read", "subscriptions/listen", "tools/call"}
)
"""MCP methods with a row for each request. Others have one if they are refused."""
NOT_RECORDED: Final = "the audit log does not answer: the call was not run; try again later"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,127}")
PATHS: Final = {MCP_PATH: MCP_PATH, "/ws": MCP_PATH, "/authorize": None}
"""Paths whose refusals are recorded, with the resource that was asked for if the path says so."""


@dataclass
class Audit:
    """Records calls and refusals as `[audit]` says."""

    section: AuditSection
    server: str
    writer: AuditWriter

    @classmethod
    def of(cls, config: Config, metrics: Metrics) -> Audit | None:
        """The audit log of the configuration; None without one."""
        if config.audit is None:
            return None
        writer = AuditWriter(config.audit, AuditMetrics(metrics.registry))
        return cls(config.audit, config.name, writer)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Write rows until the end of the block."""
        async with self.writer.running():
            yield

    def call(
        self, exchange: Exchange, method: str | None, name: str | None, arguments: Any = None
    ) -> RecordedCall:
        """A call that is about to run; `name` is none that a user has made up."""
        exchange.audited = True
        row = replace(
            self._row(exchange),
            method=method,
            name=name,
            arguments=_written(arguments) if self.section.arguments and arguments else None,
        )
        return RecordedCall(self, row)

    def refusal(self, exchange: Exchange, status: int | None, method: str | None = None) -> None:
        """Record a request that was refused, unless it is a call with a row of its own."""
        if not exchange.audited and exchange.path in PATHS:
            exchange.audited = True
            row = replace(self._row(exchange), event="refusal", outcome="refused", method=method)
            self.writer.later(replace(row, status=status, reason=exchange.refusal))

    async def admission(self, headers: Headers, exchange: Exchange | None) -> None:
        """Record that a call of another server was let through; the gateway names the call.

        Raises:
            NotRecordedError: it must be refused, because its row is not committed.
        """
        if exchange is None:
            return
        named = {
            name: text if _NAME.fullmatch(text := headers.get(f"mcp-{name}", "")) else None
            for name in ("method", "name")
        }
        row = replace(self._row(exchange), outcome="admitted", **named)
        if self.section.mode == "best-effort":
            self.writer.later(row)
            return
        try:
            await self.writer.write(row)
        except NotRecordedError:
            self.writer.metrics.refused.inc()
            self.writer.later(replace(row, event="outcome", outcome="not_recorded"))
            raise

    def _row(self, exchange: Exchange) -> Row:
        return Row(
            event="call",
            call_id=uuid4().hex,
            server=self.server,
            request_id=exchange.request_id,
            issuer=exchange.issuer,
            subject=exchange.subject,
            client_id=exchange.client_id,
            address=exchange.client,
            resource=exchange.asked_for or PATHS.get(exchange.path),
        )


@dataclass
class RecordedCall:
    """One call: its row before it runs, if that is required, and its outcome."""

    audit: Audit
    row: Row
    committed: bool = False

    async def begin(self) -> None:
        """Return when the call may run.

        Raises:
            NotRecordedError: it must be refused, because its row is not committed.
        """
        if self.audit.section.mode == "best-effort":
            return
        try:
            await self.audit.writer.write(self.row)
        except NotRecordedError:
            self.audit.writer.metrics.refused.inc()
            raise
        self.committed = True

    def end(self, outcome: str, name: str | None = None) -> None:
        """Record how it ended, without waiting for it; `name` as it is known by now."""
        row = replace(self.row, name=name or self.row.name)
        if self.audit.section.mode == "best-effort":
            self.audit.writer.later(replace(row, outcome=outcome))
            return
        outcome = outcome if self.committed else "not_recorded"
        self.audit.writer.later(replace(row, event="outcome", outcome=outcome, arguments=None))


def _written(arguments: Any) -> str:
    return json.dumps(arguments, ensure_ascii=False, sort_keys=True, default=str)
