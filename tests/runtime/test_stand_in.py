"""The program that stands in for a service whose image is not configured."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from runtime.__main__ import main

ROOT = Path(__file__).parents[2]


def test_it_names_its_service_and_has_the_tools_that_exercise_a_client():
    async def asked() -> None:
        program = StdioServerParameters(
            command=sys.executable, args=["-m", "runtime", "stand-in", "mcp-rust-server"], cwd=ROOT
        )
        async with stdio_client(program) as streams, ClientSession(*streams) as client:
            await client.initialize()
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"about", "echo", "wait", "count", "fail"}
            about = await client.call_tool("about", {})
            assert about.structured_content == {"service": "mcp-rust-server", "stand_in": True}
            said = await client.call_tool("echo", {"text": "hello"})
            assert [part.text for part in said.content if part.type == "text"] == ["hello"]

    anyio.run(asked)


def test_without_a_name_it_does_not_start(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["stand-in"])
    assert ended.value.code == 2
    assert "service" in capsys.readouterr().err
