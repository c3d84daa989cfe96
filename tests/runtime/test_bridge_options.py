"""The command line of `bridge`: wrong options are all told at once, each with its consequence."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from runtime.bridge.lines import Lines, TooLong
from runtime.bridge.options import BridgeOptions
from runtime.toml_config import ConfigError, validated
from tests.harness.bridge import bridging, faults, text
from tests.harness.server import run_program

REFUSED: dict[str, tuple[list[str], str]] = {
    "no command": ([], "no program to run; usage: qudag-mcp-server bridge [options] -- COMMAND"),
    "nothing after --": (["--"], "no program to run"),
    "unknown program": (["--", "no-such-program"], "no-such-program: no such program on PATH"),
    "port": (["--port", "x", "--", "true"], "--port: input should be a valid integer"),
    "era": (["--era", "old", "--", "true"], "--era: input should be 'dual', 'modern' or 'legacy'"),
    "path": (["--path", "mcp/", "--", "true"], "--path: string should match pattern"),
    "message": (["--max-message-bytes", "5", "--", "true"], "--max-message-bytes: input should be"),
    "drain": (
        ["--longest-tool-seconds", "70", "--", "true"],
        "--drain-seconds is 75, but a call may run 70 s (--longest-tool-seconds) and the program "
        "may take 6 s to end (--stop-seconds): set --drain-seconds higher",
    ),
    "children": (
        ["--max-children", "2", "--shared-children", "3", "--", "true"],
        "--shared-children is 3, but --max-children is 2: raise --max-children",
    ),
    "no room": (
        ["--max-children", "1", "--", "true"],
        "no session could be opened: raise --max-children, or set --era modern",
    ),
    "two ports": (
        ["--metrics-port", "8000", "--", "true"],
        "--port and --metrics-port are both 8000",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_option_is_refused(name: str):
    arguments, said = REFUSED[name]
    ended = run_program("bridge", *arguments)
    assert ended.status == 2
    assert said in ended.stderr
    assert all(line.startswith("qudag-mcp-server: bridge: ") for line in ended.stderr.splitlines())


def test_all_problems_are_told_at_once():
    ended = run_program("bridge", "--port", "0", "--era", "x", "--", "no-such-program")
    assert len(ended.stderr.splitlines()) == 3


def test_a_used_port_is_told():
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        ended = run_program("bridge", "--host", "127.0.0.1", "--port", port, "--", "true")
    assert ended.status == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr


def test_help_tells_every_option_and_its_default():
    said = run_program("bridge", "--help")
    assert said.status == 0
    for option in ("--max-children", "--era", "--drain-seconds"):
        assert option in said.stdout


def test_the_path_can_be_chosen(tmp_path: Path):
    with bridging(tmp_path, faults(), path="/tools/api") as bridge:
        assert text(bridge.call_modern("echo", text="here")) == "here"
        assert text(bridge.call(bridge.open_session(), "echo", text="too")) == "too"
        bridge.path = "/mcp"
        assert bridge.post_modern("tools/list").status_code == 404


def test_variables_set_options_that_the_command_line_does_not(tmp_path: Path):
    variables = {"QUDAG_MCP_BRIDGE_PATH": "/from/variable", "QUDAG_MCP_BRIDGE_ERA": "legacy"}
    with bridging(tmp_path, faults(), era="modern", environment=variables) as bridge:
        bridge.path = "/from/variable"
        assert text(bridge.call_modern("echo", text="here")) == "here"
        assert "QUDAG_MCP_BRIDGE_PATH" not in text(bridge.call_modern("env"))


def test_a_wrong_variable_is_refused():
    with pytest.raises(ConfigError, match="--max-childern: unknown key"):
        validated(
            "bridge",
            BridgeOptions.from_environment({"QUDAG_MCP_BRIDGE_MAX_CHILDERN": "1", "PATH": "/bin"}),
            BridgeOptions,
        )


def test_arguments_of_the_program_are_its_own(tmp_path: Path):
    """Even those that look like options of the bridge, and a second `--`."""
    with bridging(tmp_path, [*faults(), "--era", "modern", "--", "--port", "1"]) as bridge:
        assert bridge.events("program_ready")[0]["era"] == "modern"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_do_not_depend_on_how_they_arrive(size: int):
    content = b"one\ntwo\r\n\n" + b"x" * 200 + b"\n" + b"y" * 900 + b"\nlast"
    lines = Lines(300)
    found: list[bytes | TooLong] = []
    for start in range(0, len(content), size):
        found += lines.feed(content[start : start + size])
    found += lines.end()
    *_, long, last = found
    assert found[:4] == [b"one", b"two", b"", b"x" * 200]
    assert isinstance(long, TooLong)
    assert (long.size, long.head, long.tail) == (900, b"y" * 256, b"y" * 256)
    assert last == b"last"


def test_a_long_line_takes_no_memory():
    lines = Lines(1000)
    for _ in range(1000):
        lines.feed(b"x" * 10_000)
    assert len(lines.unread) <= 20_000
    [line] = lines.feed(b"\n")
    assert isinstance(line, TooLong)
    assert line.size == 10_000_000


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{"x":"', b'"id":9}}', 7),
        (b'{"jsonrpc": "2.0", "id": 7, "result": {"x":"', b"zz", 7),
        (b'{"result":{"id":3,"x":"', b'xx"},"jsonrpc":"2.0","id":12}', 12),
        (b'{"result":{"id":3,"x":"', b'xx"},"id":12}', 12),
        (b'{"jsonrpc":"2.0","method":"notifications/message","params":{"x":"', b'xx"}}', None),
        (b'{"result":{"id":3,"x":"', b'"y":{"id":4}}', None),
        (b'{"result":[', b'"id":"text"}', None),
    ],
)
def test_the_request_of_a_long_answer_is_found(head: bytes, tail: bytes, expected: int | None):
    assert TooLong(10_000, head, tail).answered() == expected
