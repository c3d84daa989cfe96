"""A server of the section `servers` is called by name, the platform without one."""

from __future__ import annotations

import pytest

from components.base.problems import ProblemReport
from delivery.called_server import (
    called_server,
    refuse_a_server_with_its_own_issuer,
    server_and_tool,
)

OUTPUTS = {
    "mcp_url": "https://mcp.example.com/mcp",
    "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
    "era": "dual",
    "scopes": ["mcp"],
    "servers": {
        "weather": {
            "mcp_url": "https://mcp.example.com/servers/weather/mcp",
            "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource/servers/weather/mcp",
            "era": "legacy",
            "scopes": ["weather.read"],
        },
        "files": {"mcp_url": "https://mcp.example.com/servers/files/mcp", "era": "modern"},
        "own": {
            "mcp_url": "https://mcp.example.com/servers/own/mcp",
            "era": "dual",
            "auth": "server",
        },
    },
}


def test_a_server_is_found_by_its_name() -> None:
    found = called_server(OUTPUTS, "weather")
    assert found.mcp_url == "https://mcp.example.com/servers/weather/mcp"
    assert found.era == "legacy"
    assert found.scopes == ("weather.read",)


def test_without_a_name_the_platform_is_called_with_the_scopes_of_all_servers() -> None:
    found = called_server(OUTPUTS, None)
    assert found.mcp_url == "https://mcp.example.com/mcp"
    assert found.scopes == ("mcp", "weather.read")


def test_a_stack_without_servers_is_the_platform_alone() -> None:
    found = called_server({"mcp_url": "https://a/mcp", "era": "modern"}, None)
    assert found.scopes == ()
    with pytest.raises(ProblemReport, match="it has none of your own"):
        called_server({"mcp_url": "https://a/mcp", "era": "modern"}, "weather")


def test_an_unknown_server_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProblemReport, match="did you mean weather"):
        called_server(OUTPUTS, "wether")


def test_no_token_is_created_for_a_server_that_checks_tokens_itself() -> None:
    with pytest.raises(ProblemReport, match="pass it with --token"):
        refuse_a_server_with_its_own_issuer(called_server(OUTPUTS, "own"))
    for name in (None, "weather"):
        refuse_a_server_with_its_own_issuer(called_server(OUTPUTS, name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weather/forecast", ("weather", "forecast")),
        ("weather__forecast", (None, "weather__forecast")),
        ("echo", (None, "echo")),
    ],
)
def test_the_tool_of_a_server_is_written_with_a_slash(
    text: str, expected: tuple[str | None, str]
) -> None:
    assert server_and_tool(text) == expected
