"""A malformed URL, token or file on the command line is a problem with a fix, no traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from delivery.cli import app
from delivery.optimisation.run import OptimiseOptions
from delivery.option_values import base_url
from tests.harness.containers import ROOT

NO_URLS = (
    *("http://[::1", "http://[zz]", "http://a:b", "http://a:-1", "http://[::1]:99999", "http://"),
    *("http:///x", "ftp://x", "127.0.0.1:9090", "http://a\nb", "http://\x00"),
)
URLS = ("--prometheus=", "--url=")
VERBS = {
    "--prometheus=": ("optimise",),
    "--url=": ("add-server", "localhost:1/a:1", "--dry-run", "--timeout=1"),
}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stderr


def problem(*arguments: str) -> str:
    """The one problem that a command ends with, which has all four parts."""
    status, said = run(*arguments)
    assert status == 1, said
    _, found, text = said.partition("1 problem:\n")
    assert found, said
    assert "\n    so:  " in text
    assert "\n    fix: " in text
    return text


@pytest.mark.parametrize("option", URLS)
@pytest.mark.parametrize("url", NO_URLS)
def test_a_malformed_url_is_a_problem_that_names_the_option(option: str, url: str):
    said = problem(*VERBS[option], option + url)
    assert said.startswith(option[:-1] + " ")
    assert "such as http://" in said


@pytest.mark.parametrize("query", ["?query=up", "#x"])
def test_a_url_to_which_paths_are_appended_ends_with_its_path(query: str):
    assert "has a ? or #" in problem("optimise", f"--prometheus=http://127.0.0.1:1/{query}")


@pytest.mark.parametrize("url", ["http://me:hunter2@[::1", "http://me:hunter2@127.0.0.1:1"])
def test_the_password_of_a_url_is_not_shown(url: str):
    status, said = run("optimise", "--prometheus", url)
    assert status == 1
    assert "hunter2" not in said


def test_a_url_is_taken_as_it_is_meant():
    def of(text: str) -> str:
        return base_url("--x", text, "", "")

    assert of("http://127.0.0.1:9090/") == "http://127.0.0.1:9090"
    assert of("HTTPS://Metrics.example.com/a/b/") == "https://metrics.example.com/a/b"
    assert of("http://[::1]:9090") == "http://[::1]:9090"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"not a certificate", "no certificate in PEM"),
        ("no certificate … at all".encode(), "no certificate in PEM"),
        (b"", "the file is empty"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no certificate"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_bad_authority_is_a_problem_with_the_file(
    tmp_path: Path, content: bytes | None, what: str
):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    said = problem("optimise", "--prometheus=https://127.0.0.1:1", f"--prometheus-ca={file}")
    assert said.startswith(f"--prometheus-ca {file}: ")
    assert what in said


def test_an_authority_without_a_url_is_wrong_usage(tmp_path: Path):
    assert run("optimise", f"--prometheus-ca={tmp_path}")[0] == 2


@pytest.mark.parametrize(
    "command",
    [
        ("optimise", "--prometheus=http://127.0.0.1:1", "--prometheus-token"),
        *((verb, "x", "--stack=dev", "--token") for verb in ("call", "load", "tools", "verify")),
        ("add-server", "localhost:1/a:1", "--dry-run", "--token"),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("token", ["hünter2", "hunter2\nb", "hunter2 b"])
def test_a_token_that_no_header_carries_is_refused_and_not_shown(
    command: tuple[str, ...], token: str
):
    said = problem(*command, token)
    assert "header Authorization cannot carry" in said
    assert token not in said


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (("comment",), ""),
        (("audit", "verify", "--file"), "--file "),
        (("diagnose", "--bundle"), "--bundle "),
        (("preview", "--format=json", "--out"), "--out "),
    ],
    ids=["comment", "audit", "diagnose", "preview"],
)
def test_a_folder_in_place_of_a_file_is_a_problem_before_any_work(
    tmp_path: Path, command: tuple[str, ...], path: str
):
    said = problem(*command, str(tmp_path))
    assert said.startswith(f"{path}{tmp_path}: it ca")
    assert "Is a directory" in said


def test_a_file_that_can_be_written_is_left_as_it_is_until_there_is_a_result(tmp_path: Path):
    new, old = tmp_path / "new.tar.gz", tmp_path / "old.tar.gz"
    old.write_text("earlier")
    for file in (new, old):
        status, said = run("diagnose", "--stack=none", f"--bundle={file}")
        assert status == 1
        assert "there is no stack" in said
    assert not new.exists()
    assert old.read_text() == "earlier"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_a_problem(tmp_path: Path):
    file = tmp_path / "report.md"
    file.touch(mode=0)
    assert "Permission denied" in problem("comment", str(file))


def test_a_report_that_is_no_text_is_a_problem(tmp_path: Path):
    file = tmp_path / "report.md"
    file.write_bytes(b"\xff\xfe")
    assert "no text in UTF-8" in problem("comment", str(file))


@pytest.mark.parametrize("content", [b"no gzip", b"\x1f\x8b\x08\x00"])
def test_an_exported_audit_log_that_is_no_gzip_is_a_problem(tmp_path: Path, content: bytes):
    file = tmp_path / "audit.jsonl.gz"
    file.write_bytes(content)
    assert "gzip" in problem("audit", "verify", "--file", str(file))


@pytest.mark.parametrize("name", ["../dev", "a/b", "\x00", "", "a" * 101])
@pytest.mark.parametrize("verb", [("call", "x"), ("load", "x"), ("outputs",)], ids=lambda v: v[0])
def test_a_name_that_no_stack_has_is_a_problem(verb: tuple[str, ...], name: str):
    said = problem(*verb, "--stack", name, "-C", str(ROOT))
    assert said.startswith("--stack")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--window=6h"], "--at-least 24h is longer than --window 6h"),
        (["--window=1h", "--at-least=2h"], "--at-least 2h is longer than --window 1h"),
        (["--sample=10m", "--at-least=1h"], "--at-least 1h is longer than --sample 10m"),
        (["--sample=10s"], "Invalid value for '--sample'"),
    ],
)
def test_more_data_than_the_time_that_is_read_is_wrong_usage(options: list[str], said: str):
    status, shown = run("optimise", *options)
    assert status == 2
    assert said in " ".join(shown.replace("│", " ").split())


def test_a_sample_is_enough_data_by_itself(monkeypatch: pytest.MonkeyPatch):
    asked: list[OptimiseOptions] = []

    def noted(*given: Any) -> None:
        asked.append(given[2])
        raise ProblemReport([])

    monkeypatch.setattr("delivery.optimisation.run.optimised", noted)
    for options in (["--sample=10m"], ["--sample=10m", "--at-least=2m"], []):
        run("optimise", *options)
    assert [one.at_least for one in asked] == [300, 120, 86_400]
    assert [one.sample for one in asked] == [600, 600, 0]
