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


ROLE = "role: qa_tester\ntitle: qa tester\ninstructions: You test.\n"


def test_an_agent_says_the_role_of_its_file_and_its_model(tmp_path: Path):
    (tmp_path / "role.yaml").write_text(ROLE)
    variables = {
        **{"ROLE_CONFIG": str(tmp_path / "role.yaml"), "ROLE_ID": "qa_tester"},
        "LLM_MODEL": "gpt-4o-mini",
    }

    async def asked() -> None:
        program = StdioServerParameters(
            command=sys.executable,
            args=["-m", "runtime", "stand-in", "qa-tester-agent"],
            cwd=ROOT,
            env=variables,
        )
        async with stdio_client(program) as streams, ClientSession(*streams) as client:
            started = await client.initialize()
            assert str(started.instructions).endswith("is configured. You test.")
            about = await client.call_tool("about", {})
            assert about.structured_content == {
                "service": "qa-tester-agent",
                "stand_in": True,
                "role": "qa_tester",
                "title": "qa tester",
                "model": "gpt-4o-mini",
            }

    anyio.run(asked)


@pytest.mark.parametrize(
    ("text", "role", "said"),
    [
        (ROLE, "developer", "role: is qa_tester, but the variable ROLE_ID is developer"),
        (f"{ROLE}model: m\n", "qa_tester", "model: unknown key"),
        ("role: QA\n", "QA", "role: string should match pattern"),
        ("role: [", "x", "is not YAML: "),
        ("text", "x", "must have the keys role, title and instructions"),
    ],
)
def test_a_wrong_role_file_is_told_with_its_key(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    role: str,
    said: str,
):
    (tmp_path / "role.yaml").write_text(text)
    monkeypatch.setenv("ROLE_CONFIG", str(tmp_path / "role.yaml"))
    monkeypatch.setenv("ROLE_ID", role)
    assert main(["stand-in", "qa-tester-agent"]) == 2
    assert f"qudag-mcp-server stand-in: {tmp_path}/role.yaml: {said}" in capsys.readouterr().err
