"""What the bridge holds for a program that does not read."""

from __future__ import annotations

import asyncio

from runtime.bridge.process import ChildProcess
from runtime.bridge.program_log import ProgramLog

MIB = 1024 * 1024


async def test_requests_whose_clients_leave_do_not_pile_up():
    """At most one waits to be read, besides what the pipe holds; the others are not written."""
    child = await ChildProcess.start(("sleep", "60"), ProgramLog(), MIB)
    try:
        for _ in range(10):
            sending = asyncio.ensure_future(child.send({"text": "x" * MIB}))
            await asyncio.wait([sending], timeout=0.05)
            assert not sending.done()
            sending.cancel()
            await asyncio.wait([sending])
        stdin = child.process.stdin
        assert stdin is not None
        assert stdin.transport.get_write_buffer_size() < 2 * MIB
    finally:
        await child.stop(0.2)
