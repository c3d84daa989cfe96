"""Resources, prompts, progress and log messages of other servers reach the client."""

from __future__ import annotations

from typing import Any

import pytest
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PromptReference,
    ResourceLink,
    ResourceTemplateReference,
    TextContent,
    Tool,
)

from tests.harness.server import ERAS, modern_request, text_of
from tests.harness.tokens import Issuer
from tests.harness.user_server import Front, federating, running

DEPRECATED = f"{MCPDeprecationWarning.__module__}.MCPDeprecationWarning"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(f"ignore::{DEPRECATED}")]
eras = pytest.mark.parametrize("era", ERAS)


@eras
@pytest.mark.parametrize("name", ["weather", "old"])
async def test_resources_and_templates_are_read_under_their_offered_uris(
    federation: Front, era: str, name: str
):
    async with federation.client(era) as client:
        resources = {one.uri for one in (await client.list_resources()).resources}
        listed = await client.list_resource_templates()
        templates = {one.uri_template for one in listed.resource_templates}
        world = await client.read_resource(f"{name}+map://world")
        bern = await client.read_resource(f"{name}+map://bern")
        link = (await client.call_tool(f"{name}__map_link", {})).content[0]
        with pytest.raises(MCPError, match="Unknown resource"):
            await client.read_resource("map://world")
    assert f"{name}+map://world" in resources
    assert f"{name}+map://{{city}}" in templates
    assert [one.uri for one in world.contents] == [f"{name}+map://world"]
    assert "a map of bern" in str(bern.contents[0])
    assert isinstance(link, ResourceLink)
    assert link.uri == f"{name}+map://bern"


@eras
@pytest.mark.parametrize("name", ["weather", "old"])
async def test_prompts_and_completions_are_forwarded(federation: Front, era: str, name: str):
    async with federation.client(era) as client:
        prompts = {one.name for one in (await client.list_prompts()).prompts}
        got = await client.get_prompt(f"{name}__plan", {"city": "Bern"})
        prompt = PromptReference(type="ref/prompt", name=f"{name}__plan")
        completed = await client.complete(prompt, {"name": "city", "value": "B"})
        template = ResourceTemplateReference(type="ref/resource", uri=f"{name}+map://{{city}}")
        also = await client.complete(template, {"name": "city", "value": "B"})
        with pytest.raises(MCPError, match="Unknown prompt"):
            await client.get_prompt("plan", {"city": "Bern"})
    assert f"{name}__plan" in prompts
    assert "Plan a day in Bern" in str(got.messages[0].content)
    assert completed.completion.values == also.completion.values == ["Bern"]


@eras
@pytest.mark.parametrize("name", ["weather", "old"])
async def test_progress_and_errors_of_each_era_reach_clients_of_each(
    federation: Front, era: str, name: str
):
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    async with federation.client(era) as client:
        done = await client.call_tool(f"{name}__steps", {}, progress_callback=note)
        failed = await client.call_tool(f"{name}__broken", {})
    assert (text_of(done), seen) == ("done", [(1, 2, "half"), (2, 2, "all")])
    assert failed.is_error


@pytest.mark.parametrize("name", ["weather", "old"])
async def test_log_messages_reach_a_client_that_asks_for_them(federation: Front, name: str):
    asked = {"mcp-name": f"{name}__steps"}
    quiet = federation.post("tools/call", asked, name=f"{name}__steps", arguments={})
    meta = {**modern_request("")["params"]["_meta"], "io.modelcontextprotocol/logLevel": "info"}
    told = federation.post("tools/call", asked, name=f"{name}__steps", arguments={}, _meta=meta)
    assert "done" in quiet.text
    assert "halfway" not in quiet.text
    assert "halfway" in told.text


async def test_a_request_for_input_and_its_answer_are_forwarded(issuer: Issuer):
    async def call(
        _: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        if not params.input_responses:
            form: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
            asked = ElicitRequestFormParams(message="Where?", requested_schema=form)
            return InputRequiredResult(
                input_requests={"where": ElicitRequest(params=asked)}, request_state="a state"
            )
        answer = params.input_responses["where"]
        assert isinstance(answer, ElicitResult)
        text = f"{(answer.content or {})['city']}, {params.request_state}"
        return CallToolResult(content=[TextContent(type="text", text=text)])

    async def tools(_: ServerRequestContext[Any], __: object) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="ask", input_schema={"type": "object"})])

    async def answer(_: object, params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"city": "Bern"})

    app = Server[Any]("asking", on_list_tools=tools, on_call_tool=call).streamable_http_app()
    with running(app) as asking, federating(issuer, asking.entry("asking")) as front:
        async with front.client(elicitation_callback=answer) as client:
            result = await client.call_tool("asking__ask", {})
    assert text_of(result) == "Bern, a state"
