"""`bridge` with published stdio servers from npm and PyPI, called by the official client."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated
from mcp_types import (
    CreateMessageResult,
    ListRootsResult,
    PromptReference,
    Root,
    TextContent,
    TextResourceContents,
)

from tests.harness.bridge import RunningBridge, bridging
from tests.harness.conformance_suite import examined, published
from tests.harness.server import ERAS, MODERN, text_of

PASSED_DIRECTLY = (
    *("server-initialize", "logging-set-level", "ping", "tools-list", "tools-call-simple-text"),
    *("tools-call-error", "server-sse-multiple-streams", "resources-list"),
    *("resources-subscribe", "resources-unsubscribe", "prompts-list"),
)
"""Scenarios of the official suite that `server-everything` passes when it serves HTTP itself."""

pytestmark = pytest.mark.slow


def npm(name: str, *arguments: str) -> list[str]:
    return [published(f"node_modules/.bin/mcp-server-{name}"), *arguments]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningBridge]:
    directory = tmp_path_factory.mktemp("bridge")
    with bridging(directory, npm("everything"), max_children=60) as running:
        yield running


def revision(client: Client, era: str) -> bool:
    return (client.protocol_version == MODERN) == (era == "modern")


@pytest.mark.parametrize("era", ERAS)
async def test_mcp_server_time(tmp_path: Path, era: str):
    with bridging(tmp_path, [published("env/bin/mcp-server-time")]) as bridge:
        async with bridge.client(era) as client:
            assert revision(client, era)
            arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
            said = text_of(await client.call_tool("convert_time", arguments))
            assert "T21:00:00+09:00" in said
            wrong = await client.call_tool("get_current_time", {"timezone": "Nowhere/None"})
            assert wrong.is_error


@pytest.mark.parametrize("era", ERAS)
async def test_server_memory(tmp_path: Path, era: str):
    graph = tmp_path / "graph.json"
    with bridging(tmp_path, npm("memory"), environment={"MEMORY_FILE_PATH": str(graph)}) as bridge:
        entity = {"name": "Ada", "entityType": "person", "observations": ["wrote a program"]}
        async with bridge.client(era) as client:
            await client.call_tool("create_entities", {"entities": [entity]})
        async with bridge.client(era) as client:  # another session, and so another process
            assert "wrote a program" in text_of(await client.call_tool("read_graph", {}))
    assert "Ada" in graph.read_text()


@pytest.mark.parametrize("era", ERAS)
async def test_server_filesystem(tmp_path: Path, era: str):
    folder = tmp_path / "served"
    folder.mkdir()
    with bridging(tmp_path, npm("filesystem", str(folder))) as bridge:
        async with bridge.client(era) as client:
            path = str(folder / "grüße.txt")
            content = "ä" * 100_000
            await client.call_tool("write_file", {"path": path, "content": content})
            assert Path(path).read_text() == content
            assert text_of(await client.call_tool("read_text_file", {"path": path})) == content
            outside = await client.call_tool("read_text_file", {"path": "/etc/passwd"})
            assert outside.is_error


async def test_server_filesystem_asks_the_client_for_its_roots(tmp_path: Path):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()

    async def roots(_: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=folders[1].as_uri())])  # type: ignore[arg-type]

    with bridging(tmp_path, npm("filesystem", str(folders[0]))) as bridge:
        async with bridge.client("legacy", list_roots_callback=roots) as client:
            with anyio.fail_after(10):
                while True:
                    said = text_of(await client.call_tool("list_allowed_directories", {}))
                    if str(folders[1]) in said and str(folders[0]) not in said:
                        break
                    await anyio.sleep(0.05)


@pytest.mark.parametrize("era", ERAS)
async def test_every_feature_of_server_everything(everything: RunningBridge, era: str):
    async with everything.client(era) as client:
        assert text_of(await client.call_tool("echo", {"message": "hi"})) == "Echo: hi"
        steps: list[float] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            assert (total, message) == (4, None)
            steps.append(progress)

        arguments = {"duration": 1, "steps": 4}
        await client.call_tool("trigger-long-running-operation", arguments, progress_callback=note)
        assert steps == [1, 2, 3, 4]
        structured = await client.call_tool("get-structured-content", {"location": "Chicago"})
        assert structured.structured_content is not None
        prompts = [prompt.name for prompt in (await client.list_prompts()).prompts]
        assert "simple-prompt" in prompts
        assert (await client.get_prompt("simple-prompt")).messages
        resources = (await client.list_resources()).resources
        [content, *_] = (await client.read_resource(str(resources[0].uri))).contents
        assert isinstance(content, TextResourceContents)
        assert (await client.list_resource_templates()).resource_templates
        reference = PromptReference(type="ref/prompt", name="completable-prompt")
        argument = {"name": "department", "value": "E"}
        assert (await client.complete(reference, argument)).completion.values == ["Engineering"]


async def test_server_everything_asks_a_model_of_the_client(everything: RunningBridge):
    async def sample(_: Any, __: Any) -> CreateMessageResult:
        said = TextContent(type="text", text="a poem")
        return CreateMessageResult(role="assistant", content=said, model="none")

    async with everything.client("legacy", sampling_callback=sample) as client:
        await eventually_offered(client, "trigger-sampling-request")
        arguments = {"prompt": "write", "maxTokens": 10}
        assert "a poem" in text_of(await client.call_tool("trigger-sampling-request", arguments))


async def eventually_offered(client: Client, tool: str) -> None:
    with anyio.fail_after(10):
        while tool not in [offered.name for offered in (await client.list_tools()).tools]:
            await anyio.sleep(0.05)


async def test_server_everything_tells_a_stream_of_changed_resources(everything: RunningBridge):
    async with everything.client("modern") as client:
        resource = str((await client.list_resources()).resources[0].uri)
        async with client.listen(resource_subscriptions=[resource]) as changes:
            await client.call_tool("toggle-subscriber-updates", {})
            with anyio.fail_after(30):
                assert await anext(changes) == ResourceUpdated(uri=resource)
            await client.call_tool("toggle-subscriber-updates", {})


@pytest.mark.parametrize("scenario", PASSED_DIRECTLY)
def test_the_official_suite_passes_through_the_bridge(
    everything: RunningBridge, scenario: str, tmp_path: Path
):
    address = f"http://localhost:{everything.port}/mcp"
    ran = examined(address, tmp_path, "--scenario", scenario)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " 0 failed" in ran.stdout, ran.stdout
