"""Libraries of the user's own code hide no module of Python, of the server or of the cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from archives.hosts import HOSTS, Host
from archives.own_code import OwnCode
from archives.own_libraries import REMOVED_MODULES, add_libraries
from components.base.problems import ProblemReport


def added(folder: Path, host: Host, *files: str) -> list[str]:
    """What is said of a library with these files, in place of one that is downloaded."""

    def install(target: Path, _: Path, __: Sequence[str]) -> None:
        for name in files:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text("")

    folder = folder / host.name / host.python
    code, libraries, work = (folder / name for name in ("code", "libraries", "work"))
    code.mkdir(parents=True)
    (code / "server.py").write_text("mcp = 1\n")
    (code / "requirements.txt").write_text("wide==1\n")
    (libraries / "qudag_mcp_server").mkdir(parents=True)
    work.mkdir()
    own = OwnCode(folder=code)
    try:
        add_libraries(replace(host, code=own), own, libraries, work, install)
    except ProblemReport as report:
        problems = report.problems
    else:
        problems = ()
    assert [(libraries / name).exists() for name in files] == [not problems] * len(files)
    assert all(one.path == "code" and one.fix for one in problems)
    return [one.what for one in problems]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("json.py", "a module json, and so has Python's standard library"),
        ("json/__init__.py", "a module json, and so has Python's standard library"),
        ("ssl.cpython-313-x86_64-linux-gnu.so", "a module ssl, and so has Python's"),
        ("_ssl.abi3.so", "a module _ssl, and so has Python's"),
        ("email/__init__.cpython-313-x86_64-linux-gnu.so", "a module email, and so has Python's"),
        ("sitecustomize.py", "a module sitecustomize, which Python imports when it starts"),
        ("qudag_mcp_server/extra.py", "has qudag_mcp_server/extra.py, and so has the server"),
    ],
)
def test_a_library_that_would_be_imported_in_place_of_another_module_is_refused(
    tmp_path: Path, file: str, said: str
):
    (what,) = added(tmp_path, HOSTS["aws-lambda"], "wide/__init__.py", file)
    assert what.startswith("a required library has")
    assert said in what


@pytest.mark.parametrize(
    ("host", "name"), [("gcp-function", "main"), ("azure-function", "function_app")]
)
def test_a_library_with_the_module_that_a_cloud_starts_is_refused_there(
    tmp_path: Path, host: str, name: str
):
    (what,) = added(tmp_path, HOSTS[host], f"{name}.py")
    assert f"a module {name}, which the cloud starts" in what
    assert added(tmp_path, HOSTS["aws-lambda"], f"{name}.py") == []


@pytest.mark.parametrize(
    "file",
    [
        "wide/json.py",  # wide.json
        "json/data.txt",  # no package: Python's own json is found
        "json-1.dist-info/METADATA",
        "bin/json.txt",
        "jsonic.py",
    ],
)
def test_a_library_that_hides_nothing_is_packaged(tmp_path: Path, file: str):
    assert added(tmp_path, HOSTS["aws-lambda"], "wide/__init__.py", file) == []


def test_a_library_may_bring_what_python_has_no_more(tmp_path: Path):
    """`legacy-cgi` and `standard-telnetlib` are such libraries."""
    host = HOSTS["gcp-function"]
    files = [f"{name}.py" for names in REMOVED_MODULES.values() for name in names.split()]
    assert host.python.startswith("3.13.")
    assert added(tmp_path, host, *files) == []
    (what,) = added(tmp_path, replace(host, python="3.12.1"), "asyncore.py", "cgi.py")
    assert "a module cgi, and so has Python's standard library" in what
