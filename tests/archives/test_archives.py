"""A function's archive is reproducible and contains only modules that are imported."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Generator, Mapping
from pathlib import Path

import pulumi
import pytest
from rich.console import Console

from archives import build, hosts
from archives.ensure import ensure
from archives.hosts import HOSTS, PACKAGE, Host, archive_of, native
from archives.import_closure import Modules
from components.base.problems import ProblemReport
from components.mcp.archive import Archive
from delivery.package_archives import package
from delivery.progress import Progress
from graph.recorder import record
from tools.bench import cold_start

LAMBDA = native(HOSTS["aws-lambda"])
EVERY_HOST = pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))


def archive_of_a_checkout(folder: Path, year: int, mask: int) -> Path:
    """The archive made from a checkout whose files are of a year, under a mask of rights."""
    shutil.copytree(hosts.RUNTIME, folder / "runtime")
    moment = time.mktime((year, 5, 4, 3, 2, 1, 0, 0, 0))
    for file in folder.rglob("*"):
        os.utime(file, (moment, moment))
    before = os.umask(mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosts, "RUNTIME", folder / "runtime")
        (folder / "made").mkdir()
        made = build.make(LAMBDA, folder / "made")
    os.umask(before)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, from a checkout of the year 2001."""
    return archive_of_a_checkout(tmp_path_factory.mktemp("checkout-of-2001"), 2001, 0o022)


@pytest.fixture(scope="module")
def archive(made: Path) -> Generator[zipfile.ZipFile]:
    with zipfile.ZipFile(made) as opened:
        yield opened


@pytest.fixture(scope="module")
def unpacked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    cold_start.unpack(made, folder / "task")
    return folder


@pytest.mark.slow
def test_archives_do_not_depend_on_file_dates_and_modes(made: Path, tmp_path: Path):
    assert archive_of_a_checkout(tmp_path, 2033, 0o077).read_bytes() == made.read_bytes()


@pytest.mark.slow
def test_archives_contain_no_build_time_and_no_build_path(archive: zipfile.ZipFile, made: Path):
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert archive.namelist() == sorted(archive.namelist())
    made_in = str(made.parent).encode()
    assert not [n for n in archive.namelist() if made_in in archive.read(n)]


@pytest.mark.slow
def test_only_what_the_cloud_starts_may_be_executed(archive: zipfile.ZipFile):
    modes = {e.filename: stat.S_IMODE(e.external_attr >> 16) for e in archive.infolist()}
    assert [name for name, mode in modes.items() if mode == 0o755] == ["stream"]
    assert set(modes.values()) == {0o755, 0o644}


@pytest.mark.slow
def test_every_module_has_its_bytecode_that_asks_for_no_source(archive: zipfile.ZipFile):
    names = set(archive.namelist())
    for source in [name for name in names if name.endswith(".py")]:
        folder, _, stem = source.removesuffix(".py").rpartition("/")
        tag = sys.implementation.cache_tag
        compiled = f"{folder}/__pycache__/{stem}.{tag}.pyc".removeprefix("/")
        assert compiled in names
        assert archive.read(compiled)[4:8] == b"\x01\0\0\0"  # PEP 552: by hash, unchecked


@pytest.mark.slow
def test_the_archive_alone_answers_a_request(unpacked: Path):
    started = cold_start.start(unpacked)
    answer = json.loads(started.answer["body"])
    assert started.answer["statusCode"] == 200
    assert {"echo", "count"} <= {tool["name"] for tool in answer["result"]["tools"]}
    from_elsewhere = [
        file
        for file in started.loaded
        if not file.is_relative_to(unpacked) and "site-packages" in file.parts
    ]
    assert from_elsewhere == []


@pytest.mark.slow
def test_the_streaming_runtime_of_the_archive_starts(unpacked: Path):
    """It gets as far as Lambda's API, of which there is none here."""
    ran = subprocess.run(
        [unpacked / "task/stream", sys.executable, "-m", "awslambdaric", "handler"],
        env={
            "LAMBDA_TASK_ROOT": str(unpacked / "task"),
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
            "QUDAG_MCP_CONFIG": '[auth]\nissuer="i"\njwks_url="https://issuer.test"\n',
            "PATH": os.environ["PATH"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "ConnectionRefusedError" in ran.stderr
    assert "ModuleNotFoundError" not in ran.stderr


@pytest.mark.slow
def test_no_module_is_there_that_no_import_reaches(unpacked: Path):
    modules = Modules(unpacked / "task")
    assert set(modules.files) == modules.closure(LAMBDA.entries, build.HIDDEN_IMPORTS)


@pytest.mark.slow
def test_archives_contain_no_modules_of_the_standalone_server(archive: zipfile.ZipFile):
    tops = {name.partition("/")[0] for name in archive.namelist()}
    assert not tops & {"websockets", "pulumi", "boto3", "botocore", "pip", "pytest", "_pytest"}
    assert f"{PACKAGE}/serve.py" not in archive.namelist()


@EVERY_HOST
def test_a_host_contains_exactly_the_modules_that_it_imports(host: Host, tmp_path: Path):
    for name, source in host.sources():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    modules = Modules(tmp_path)
    assert set(modules.files) == modules.closure(host.entries, {})


@EVERY_HOST
def test_naming_an_archive_needs_only_its_sources_and_little_time(host: Host):
    began = time.process_time()
    archive = archive_of(host)
    assert time.process_time() - began < 0.03
    assert archive == archive_of(host)
    assert archive.path == f"out/archives/{host.name}-{archive.tag}.zip"


def test_a_changed_comment_is_another_archive_of_the_hosts_that_have_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def tags() -> Mapping[str, str]:
        return {name: archive_of(host).tag for name, host in HOSTS.items()}

    shutil.copytree(hosts.RUNTIME, tmp_path / "runtime")
    monkeypatch.setattr(hosts, "RUNTIME", tmp_path / "runtime")
    before = tags()
    for changed, expected in {
        "tools.py": set(HOSTS),
        "hosts/aws_lambda.py": {"aws-lambda"},
        "hosts/requirements-azure-function.txt": {"azure-function"},
        "serve.py": set[str](),
        "hosts/stream": {"aws-lambda"},
    }.items():
        with (tmp_path / "runtime" / changed).open("a") as file:
            file.write("# changed\n")
        after = tags()
        assert {name for name in HOSTS if after[name] != before[name]} == expected
        before = after


def test_a_failed_build_leaves_no_file_and_reports_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    archive = archive_of(LAMBDA)
    with pytest.raises(ProblemReport, match="qudag-mcp package --host aws-lambda"):
        build.build(LAMBDA, archive)
    assert [file.name for file in (tmp_path / "out/archives").iterdir()] == ["lock"]


def test_a_build_removes_leftovers_of_a_killed_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    left = tmp_path / "out/archives/new-left/tree"
    left.mkdir(parents=True)

    def made(_: Host, folder: Path) -> Path:
        (folder / "archive.zip").write_bytes(b"whole")
        return folder / "archive.zip"

    monkeypatch.setattr(build, "make", made)
    archive = Archive(path="out/archives/a.zip", digest="0" * 64)
    assert build.build(LAMBDA, archive).read_bytes() == b"whole"
    assert sorted(f.name for f in (tmp_path / "out/archives").iterdir()) == ["a.zip", "lock"]


def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts for which an archive is asked to be made; none is."""
    names: list[str] = []

    def note(host: Host, _: Archive) -> None:
        names.append(host.name)

    monkeypatch.setattr(build, "build", note)
    return names


def test_a_preview_without_an_engine_makes_no_archive(monkeypatch: pytest.MonkeyPatch):
    made = built(monkeypatch)
    record(lambda: ensure(list(HOSTS.values()), []))
    assert made == []


def test_with_an_engine_absent_archives_are_built_after_the_providers_are_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = built(monkeypatch)
    told: list[str] = []
    monkeypatch.setattr("archives.ensure.ROOT", tmp_path)
    monkeypatch.setattr("archives.ensure._has_engine", lambda: True)
    monkeypatch.setattr(pulumi.log, "info", told.append)
    there, absent = HOSTS["aws-lambda"], HOSTS["gcp-function"]
    (tmp_path / hosts.FOLDER).mkdir(parents=True)
    (tmp_path / archive_of(there).path).touch()
    before: list[str] = []

    def program() -> None:
        provider = pulumi.ProviderResource("aws", "aws", {})
        files = [archive.file for archive in ensure([there, absent], [provider])]
        before.extend(made)
        pulumi.export("files", files)

    assert record(program).outputs == {
        "files": [archive_of(there).path, archive_of(absent).path],
    }
    assert (before, made) == ([], ["gcp-function"])
    assert told == ["building the archive of gcp-function"]


def test_a_host_that_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(ProblemReport, match="write --host aws-lambda"):
        package(["aws-lamda"], Progress(Console()))
