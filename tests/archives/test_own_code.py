"""Which files of a folder with a server an archive contains, and which folders are refused."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from archives.build import _compile  # pyright: ignore[reportPrivateUsage]
from archives.entry import ENTRY
from archives.hosts import HOSTS, ROOT, Host, archive_of, native
from archives.own_code import OwnCode
from components.base.problems import Problem, ProblemReport
from delivery.package_archives import own_code, package
from delivery.progress import Progress

SERVER = "from mcp.server import MCPServer\nmcp = MCPServer('own')\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
ENCRYPTED_KEY = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,0A1B2C3D4E5F60718293A4B5C6D7E8F9

MIIEvQIBADANBgkqhkiG9w0BAQEF
"""
PGP_KEY = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdGBGWhK0ABEADANBgkqhkiG9w0B\n"
AWS, GCP, AZURE = HOSTS["aws-lambda"], HOSTS["gcp-function"], HOSTS["azure-function"]


def folder_with(folder: Path, files: Mapping[str, str], *, server: str | None = SERVER) -> Path:
    written = {"server.py": server, **files} if server is not None else files
    for name, content in written.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder


def problems(folder: Path, *, host: Host = AWS, entry: str = "server:mcp") -> list[Problem]:
    return replace(host, code=OwnCode(folder=folder, entry=entry)).code_problems(ROOT)


def tag(folder: Path, *, host: Host = AWS, entry: str = "server:mcp") -> str:
    return archive_of(replace(host, code=OwnCode(folder=folder, entry=entry))).tag


def test_caches_tests_and_hidden_files_are_left_out(tmp_path: Path):
    left_out = (
        *(".env", ".git/config", ".venv/lib/x.py", ".pytest_cache/x", "__pycache__/server.pyc"),
        *("venv/x.py", "tests/test_x.py", "lib/test/x.py", "node_modules/a.js", "a.egg-info/x"),
        *("test_server.py", "lib/server_test.py", "conftest.py", "own-env/pyvenv.cfg"),
        *("own-env/lib/x.py", "old.pyc"),
    )
    taken = ("server.py", "requirements.txt", "lib/__init__.py", "data/cities.csv", "testing.py")
    folder_with(tmp_path, dict.fromkeys([*left_out, *taken], ""), server=None)
    assert list(OwnCode(folder=tmp_path).files()) == sorted(taken)


def test_a_folder_with_a_server_is_accepted(tmp_path: Path):
    folder_with(
        tmp_path,
        {
            "cities.py": "",
            "credentials/file.py": "",
            "data/cities.csv": "",
            "requirements.txt": "mcp\n",
        },
    )
    for host in HOSTS.values():
        assert problems(tmp_path, host=host) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"tls.pem": ""}, "tls.pem has a name that is usual for secrets"),
        ({"a/ID_RSA": ""}, "a/ID_RSA has a name"),
        ({"prod.env": ""}, "prod.env has a name"),
        ({"credentials.json": "{}"}, "credentials.json has a name"),
        ({"local.settings.json": "{}"}, "local.settings.json has a name"),
        ({"client_secret_1.json": "{}"}, "client_secret_1.json has a name"),
        ({"secrets/db.txt": ""}, "secrets/ has a name that is usual for folders with secrets"),
        ({"a/Credentials/b/c": ""}, "a/Credentials/ has a name that is usual for folders"),
        ({"prod-secrets/x.json": "{}", "prod-secrets/y.pem": ""}, "and contains prod-secrets/x"),
        ({"ssh/config": ""}, "ssh/ has a name"),
        ({"data.txt": KEY}, "data.txt contains a private key"),
        ({"data.txt": ENCRYPTED_KEY}, "data.txt contains a private key"),
        ({"data.txt": PGP_KEY}, "data.txt contains a private key"),
        ({"account.json": KEY.replace("\n", "\\n")}, "account.json contains a private key"),
        ({"server.py": SERVER + f"KEY = '''{KEY}'''"}, "server.py contains a private key"),
        ({"jwt.py": ""}, "has a module jwt, and so has the library pyjwt"),
        ({"starlette/app.py": ""}, "has a module starlette, and so has the library starlette"),
        ({"qudag_mcp_server/x.py": ""}, "has a module qudag_mcp_server, and so has the server"),
        ({"types.py": ""}, "has a module types, and so has Python's standard library"),
        ({"back\\slash.txt": ""}, "back\\\\slash.txt"),
        (
            {"pyproject.toml": '[project]\nname="a"\ndependencies=["httpx"]\n'},
            "pyproject.toml has dependencies, and there is no requirements.txt",
        ),
    ],
)
def test_a_file_that_cannot_be_packaged_is_refused(
    tmp_path: Path, files: dict[str, str], said: str
):
    (found,) = problems(folder_with(tmp_path, files))
    assert found.path == "code"
    assert said in found.what
    assert found.consequence
    assert found.fix


def test_names_that_only_one_cloud_starts_are_refused_there(tmp_path: Path):
    folder_with(tmp_path, {"main.py": "", "function_app.py": "", "flask.py": ""})
    said = {
        host.name: [one.what for one in problems(tmp_path, host=host)] for host in HOSTS.values()
    }
    assert said == {
        "aws-lambda": [],
        "gcp-function": [
            "has a module flask, and so has the library flask",
            "has a module main, and so has the server",
        ],
        "azure-function": ["has a module function_app, and so has the server"],
    }


def test_links_that_leave_the_folder_are_refused(tmp_path: Path):
    outside = tmp_path / "outside"
    folder_with(outside, {"data.csv": "1"}, server=None)
    folder = folder_with(tmp_path / "own", {"cities.csv": "1", ".env": "KEY=1"})
    (folder / "data.csv").symlink_to("../outside/data.csv")
    (folder / "lib").symlink_to(outside)
    (folder / "settings").symlink_to(".env")
    (folder / "gone").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "same.csv").symlink_to("cities.csv")
    assert sorted(one.what for one in problems(folder)) == [
        "data.csv is a link that leaves the folder",
        "gone is neither a file nor a folder",
        "lib is a link to a folder",
        "loop is neither a file nor a folder",
        "settings is a link to a file that archives do not contain",
    ]


def test_no_module_of_an_archive_is_run_by_the_compiler(tmp_path: Path):
    run = f"open({str(tmp_path / 'run')!r}, 'w').close()\n"
    tree = folder_with(tmp_path / "tree", {"json.py": run, "pathlib.py": run}, server=None)
    assert _compile(native(AWS), tree) == {}
    assert not (tmp_path / "run").exists()


def test_a_pipe_is_refused_and_not_read(tmp_path: Path):
    folder_with(tmp_path, {})
    os.mkfifo(tmp_path / "pipe")
    assert [one.what for one in problems(tmp_path)] == ["pipe is neither a file nor a folder"]


def test_a_folder_that_there_is_not_is_refused(tmp_path: Path):
    (absent,) = problems(tmp_path / "wether")
    assert absent.what == f"there is no folder {tmp_path / 'wether'}"
    (tmp_path / "file").touch()
    (file,) = problems(tmp_path / "file")
    assert file.what == f"{tmp_path / 'file'} is a file"


def test_the_folder_of_the_stack_file_is_refused():
    for folder in (ROOT, ROOT.parent):
        (found,) = problems(folder)
        assert found.what == f"{folder} contains the stack file"


@pytest.mark.parametrize(
    ("source", "entry", "said", "fix"),
    [
        (None, "server:mcp", "is server:mcp, and the folder has no server.py", "name the file"),
        ("x = 1", "server:mcp", "and server.py defines no mcp", "write mcp = MCPServer(…)"),
        (
            "from mcp.server import MCPServer\napp = MCPServer('a')",
            "server:mcp",
            "and server.py defines no mcp",
            "write entry: server:app",
        ),
        ("def mcp(): ...", "server:mcp", "is server:mcp, which is a function", "write mcp"),
        ("class mcp: ...", "server:mcp", "is server:mcp, which is a class", "write mcp"),
        ("def f():\n    mcp = 1", "server:mcp", "server.py defines no mcp", "write mcp"),
        (SERVER, "server", "is 'server'", "such as server:mcp"),
        (SERVER, "server:mcp.app", "is 'server:mcp.app'", "such as server:mcp"),
        (SERVER, "../server:mcp", "is '../server:mcp'", "such as server:mcp"),
    ],
)
def test_an_entry_that_is_not_there_is_refused_with_the_nearest(
    tmp_path: Path, source: str | None, entry: str, said: str, fix: str
):
    (found,) = problems(folder_with(tmp_path, {"other.py": ""}, server=source), entry=entry)
    assert found.path == "entry"
    assert said in found.what
    assert fix in found.fix


@pytest.mark.parametrize(
    "source",
    [
        SERVER,
        "mcp: object = make()",
        "from app import mcp",
        "import mcp",
        "from app import server as mcp",
        "from app import *",
        "a, mcp = make()",
        "if True:\n    mcp = 1\nelse:\n    pass",
        "try:\n    pass\nexcept ValueError:\n    mcp = 1",
        "with make() as mcp:\n    pass",
    ],
)
def test_a_server_may_be_defined_by_any_statement_of_its_module(tmp_path: Path, source: str):
    assert problems(folder_with(tmp_path, {}, server=source)) == []


def test_an_entry_may_be_in_a_package(tmp_path: Path):
    folder_with(tmp_path, {"weather/__init__.py": "", "weather/app.py": SERVER}, server=None)
    assert problems(tmp_path, entry="weather.app:mcp") == []
    folder_with(tmp_path, {"weather/__init__.py": SERVER}, server=None)
    assert problems(tmp_path, entry="weather:mcp") == []


def test_a_folder_that_is_larger_than_its_cloud_allows_is_refused(tmp_path: Path):
    folder_with(tmp_path, {})
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(AWS.largest + 1)
    (found,) = problems(tmp_path)
    assert found.what.startswith("has 262 MB")
    assert "Lambda quotas" in found.consequence
    assert GCP.largest == AZURE.largest == 500_000_000


def test_everything_that_is_wrong_is_reported_at_once(tmp_path: Path):
    files = {"tls.key": "", "types.py": "", "requirements.txt": "mcp<2\n-e .\nhttpx>=0.27\n"}
    found = problems(folder_with(tmp_path, files, server=None), entry="app:mcp")
    assert len(found) == 6


def test_an_archive_changes_with_what_it_contains_and_with_nothing_else(tmp_path: Path):
    folder_with(tmp_path, {"data/cities.csv": "bern\n"})
    before = tag(tmp_path)
    for name in (".env", "tests/test_server.py", "__pycache__/server.cpython-313.pyc"):
        folder_with(tmp_path, {name: "1"}, server=None)
    moment = time.mktime((2001, 5, 4, 3, 2, 1, 0, 0, 0))
    os.utime(tmp_path / "server.py", (moment, moment))
    (tmp_path / "server.py").chmod(0o755)
    assert tag(tmp_path) == before
    seen = {before, tag(tmp_path, entry="app:mcp"), tag(tmp_path, host=GCP)}
    for name, content in {
        "server.py": f"{SERVER}# changed\n",
        "data/cities.csv": "bern\nthun\n",
        "requirements.txt": "mcp\n",
        "new.py": "",
    }.items():
        folder_with(tmp_path, {name: content}, server=None)
        seen.add(tag(tmp_path))
    assert len(seen) == 7
    (tmp_path / "new.py").rename(tmp_path / "newer.py")
    assert tag(tmp_path) not in seen


def test_the_archives_name_contains_the_folders(tmp_path: Path):
    folder = folder_with(tmp_path / "My Weather_2", {})
    archive = archive_of(replace(AWS, code=OwnCode(folder=folder)))
    assert archive.path == f"out/archives/aws-lambda-my-weather-2-{archive.tag}.zip"


def test_the_default_entry_has_the_form_of_an_entry():
    assert ENTRY.problem("entry", OwnCode(folder=ROOT).entry) is None


def test_the_command_reports_each_problem_of_a_folder_once(tmp_path: Path):
    folder_with(tmp_path, {"tls.key": ""}, server=None)
    with pytest.raises(ProblemReport) as report:
        package([], Progress(Console()), own_code(tmp_path, None))
    assert [problem.path for problem in report.value.problems] == ["--entry", "--code"]


def test_the_command_refuses_an_entry_without_a_folder():
    with pytest.raises(ProblemReport, match="--code is missing"):
        own_code(None, "server:mcp")
    assert own_code(None, None) is None
