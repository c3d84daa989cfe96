"""The fields of an entry follow from the image and an instance; what is unknown is named."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import Tool

from delivery.added_server.entry import Found, lines
from delivery.added_server.image_config import ImageConfig, image_config
from delivery.added_server.instance import Instance
from delivery.mcp_client import Era

IMAGE = "ghcr.io/acme/weather-mcp:2@sha256:" + "1" * 64
HTTP = Instance(
    transport="streamable-http", eras=(Era.LEGACY,), port=3001, path="/api/mcp", health="/healthz"
)


def config(**fields: Any) -> ImageConfig:
    usual: dict[str, Any] = {"labels": {}, "user": "1000", "ports": (8080,)}
    return ImageConfig(**{**usual, **fields})


def entry(old: dict[str, Any] | None = None, **found: Any) -> tuple[dict[str, Any], str]:
    """The fields, and the comments in one text."""
    usual: dict[str, Any] = {"image": IMAGE, "config": config()}
    made = Found(**{**usual, **found}).entry("weather", old)
    return dict(made.fields), "\n".join(made.comments)


def test_an_image_and_an_instance_tell_everything():
    fields, unknown = entry(instance=HTTP)
    assert fields == {
        "image": IMAGE,
        "transport": "streamable-http",
        "port": 8080,
        "path": "/api/mcp",
        "era": "legacy",
        "health": "/healthz",
        "user": 1000,
    }
    assert unknown == ""


def test_without_an_instance_what_only_it_can_tell_is_named():
    fields, unknown = entry()
    assert fields == {"image": IMAGE, "port": 8080, "user": 1000}
    assert "unknown: transport, path, era and tools" in unknown


def test_without_a_configuration_what_only_it_can_tell_is_named():
    fields, unknown = entry(config=None, instance=HTTP)
    assert fields["port"] == 3001
    assert "user" not in fields
    assert "digest, ports and user" in unknown
    assert "port in the container (3001 is that of --url)" in unknown


@pytest.mark.parametrize(
    ("exposed", "port", "unknown"),
    [
        ((8080,), 8080, ""),
        ((), 3001, "port in the container"),
        ((3001, 9000), 3001, ""),
        ((8080, 9000), None, "port (the image exposes 8080, 9000"),
        ((80,), None, "port (the image exposes 80"),
        ((8443,), None, "port (the image exposes 8443"),
    ],
)
def test_the_port_is_that_of_the_image_and_else_that_of_the_url(
    exposed: tuple[int, ...], port: int | None, unknown: str
):
    fields, said = entry(config=config(ports=exposed), instance=HTTP)
    assert fields.get("port") == port
    assert unknown in said
    assert bool(unknown) == ("port" in said)


@pytest.mark.parametrize(
    ("user", "found", "unknown"),
    [
        ("1000:2000", 1000, ""),
        ("65534", None, ""),
        ("node", None, 'user "node"'),
        ("", None, "works without root"),
        ("0:0", None, "works without root"),
        ("a\nb: c", None, 'user "a b"'),
        ("99999999999999", None, "id of the image's user"),
    ],
)
def test_the_user_is_set_where_the_image_has_a_number(user: str, found: int | None, unknown: str):
    fields, said = entry(config=config(user=user), instance=HTTP)
    assert fields.get("user") == found
    assert unknown in said
    assert "\n" not in said
    assert "user" not in entry(config=config(user=user), user_ids_assigned=True)[0]


def test_an_image_with_the_bridge_is_a_stdio_server():
    words = (
        "/usr/local/bin/qudag-mcp-server",
        "bridge",
        "--max-children",
        "3",
        "--",
        "mcp-time",
        "-v",
    )
    fields, unknown = entry(config=config(words=words, health="/healthz"))
    assert fields == {
        "image": IMAGE,
        "transport": "stdio",
        "command": ["mcp-time", "-v"],
        "user": 1000,
    }
    assert unknown == ""


def test_a_program_needs_the_bridge_in_its_image():
    fields, unknown = entry(instance=Instance(transport="stdio"), command=["time", "--x"])
    assert (fields["transport"], fields["command"]) == ("stdio", ["time", "--x"])
    assert "port" not in fields
    assert "bridge-a-stdio-server.md" in unknown


def test_a_server_that_demands_a_token_checks_tokens_itself():
    demands = Instance(transport="streamable-http", port=8080, path="/mcp", demands_token=True)
    fields, unknown = entry(instance=demands)
    assert fields["auth"] == "server"
    assert "era" not in fields
    assert "era and tools (it demands a token" in unknown


def test_a_volume_of_the_image_is_named():
    assert "the image declares the volumes /data" in entry(config=config(volumes=("/data",)))[1]


def test_a_replaced_entry_keeps_what_no_source_tells():
    old = {"image": "a/b:1", "era": "modern", "command": ["x"], "scopes": ["weather.read"]}
    fields, _ = entry(old, instance=HTTP)
    assert list(fields)[-1] == "scopes"
    assert fields["scopes"] == ["weather.read"]
    assert fields["command"] == ["x"]
    assert fields["era"] == "legacy"
    assert fields["image"] == IMAGE
    kept, unknown = entry({**old, "port": 9000}, config=None)
    assert (kept["port"], kept["era"]) == (9000, "modern")
    assert "port (" not in unknown


def test_an_entry_replaced_by_another_transport_loses_the_fields_of_the_old_one():
    old = {"image": "a/b:1", "port": 9000, "path": "/x", "health": "/ok", "scopes": ["a"]}
    fields, _ = entry(old, instance=Instance(transport="stdio"), command=["time"])
    assert fields == {
        "image": IMAGE,
        "transport": "stdio",
        "command": ["time"],
        "user": 1000,
        "scopes": ["a"],
    }


@pytest.mark.parametrize(
    ("test", "path"),
    [
        (["CMD", "curl", "-f", "http://localhost:8080/healthz"], "/healthz"),
        (["CMD-SHELL", "wget -q http://127.0.0.1:8080/health?a=1 || exit 1"], "/health"),
        (["CMD-SHELL", "curl https://example.com/health"], None),
        (["NONE"], None),
    ],
)
def test_the_health_check_of_an_image_gives_the_path(test: list[str], path: str | None):
    import json

    data = json.dumps({"config": {"Healthcheck": {"Test": test}}}).encode()
    assert image_config(data, "a").health == path


def test_what_was_found_is_shown_without_control_characters():
    tools = (Tool(name="a\x1b[2J", description="Line one\x07\nline two", input_schema={}),)
    shown = "\n".join(
        lines(
            Found(
                image=IMAGE,
                config=config(labels={"org.opencontainers.image.title": "W\x1b]0;x\x07"}),
                instance=Instance(transport="stdio", eras=(Era.MODERN,), tools=tools),
            )
        )
    )
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert "Line one" in shown
    assert "line two" not in shown
