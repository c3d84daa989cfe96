"""A program with wrong args ends with the message alone, as Pulumi's host prints it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HOST = """
import runpy, sys, traceback
import pulumi
from graph.recorder import record
try:
    record(lambda: runpy.run_path(sys.argv[1], run_name="__main__"))
except pulumi.RunError as error:  # as pulumi-language-python-exec does
    print(error, file=sys.stderr)
    sys.exit(1)
except Exception:
    print(traceback.format_exc(), file=sys.stderr)
    sys.exit(1)
"""
ARGS = """
from pulumi_qudag_mcp import (
    Gateway, GatewayArgs, McpService, PodAuth, PodServerConfig, ServerArgs, TimeoutBudget, Upstream,
)
args = dict(namespace="a", image="example.com/nginx:1", upstream=Upstream(host="core"),
            tls_secret="tls", internal_ca_secret="tls", issuer="https://a.example")
"""
PROGRAMS = {
    "domain": 'Gateway("gateway", GatewayArgs(**args, domain="x; return 200 y"))',
    "replicas": 'Gateway("gateway", GatewayArgs(**args, replicas=-1))',
    "drain": 'Gateway("gateway", GatewayArgs(**args, budget=TimeoutBudget(drain=3)))',
    "maxBody": 'Gateway("gateway", args | {"maxBody": "50m; server_tokens on"})',
    "has args that are None": 'Gateway("gateway", None)',
    "My_Gateway": 'Gateway("My_Gateway", GatewayArgs(**args))',
    "upstream.host": (
        "import pulumi\n"
        'host = pulumi.Output.from_input("x; return 200 y")\n'
        'Gateway("gateway", GatewayArgs(**args | {"upstream": Upstream(host=host)}))'
    ),
    "jwks_secret": (
        'auth = PodAuth(issuer="https://a.example")\n'
        'config = PodServerConfig(role="tools", auth=auth)\n'
        'McpService("tools", ServerArgs(namespace="a", image="example.com/a:1", config=config,'
        ' passwords_secret="a", internal_tls_secret="a"))'
    ),
}


QUICK = ("domain", "has args that are None", "upstream.host")
"""A wrong value, no args, and a value that is known later; the others are refused as these are."""


@pytest.mark.parametrize(
    ("named", "program"),
    [
        pytest.param(*each, id=each[0], marks=[] if each[0] in QUICK else [pytest.mark.slow])
        for each in PROGRAMS.items()
    ],
)
def test_a_refusal_is_a_message_without_a_traceback(named: str, program: str, tmp_path: Path):
    (tmp_path / "pulumi_qudag_mcp").symlink_to(ROOT / "components")
    file = tmp_path / "__main__.py"
    file.write_text(ARGS + program)
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(file)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert named in done.stderr
    assert "fix: " in done.stderr
