"""The local node refuses unfit machines: one line per problem with its fix, nothing left over."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.harness.restricted_path import (
    NODE,
    environment,
    isolated,
    may_isolate,
    programs_on_path,
    ran,
    stand_in_for_go,
)

UP = NODE / "up"
needs_namespaces = pytest.mark.skipif(
    not may_isolate(), reason="namespaces cannot be made here: run the tests as root"
)


def problems(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines that a refusal wrote, each of three parts."""
    assert result.returncode == 1, result.stdout + result.stderr
    lines = result.stderr.splitlines()
    assert lines, "no reason given"
    for line in lines:
        assert line.startswith("node: "), line
        assert len(line.split(": ")) >= 4, line
    return lines


def alone(tmp: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """`up --api-only` on a PATH of our choosing, with an empty cache."""
    return ran(UP, "--api-only", env=environment(tmp, PATH=str(path)))


def test_without_go_the_refusal_says_how_to_install_it(tmp_path: Path) -> None:
    (line,) = problems(alone(tmp_path, programs_on_path(tmp_path / "bin", without={"go"})))
    assert "no go on PATH" in line
    assert "https://go.dev/dl" in line
    assert not (tmp_path / "run").exists()


def test_an_old_go_is_named_beside_the_one_needed(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.20.1", "false")
    (line,) = problems(alone(tmp_path, path))
    needed = (NODE / "mods" / "go.mod").read_text().split("\ngo ")[1].split()[0]
    assert f"Go 1.20.1 is too old, {needed} or newer is needed" in line


def test_missing_programs_are_named_all_at_once(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin", without={"openssl", "setsid"})
    (line,) = problems(alone(tmp_path, path))
    assert "missing on PATH: openssl setsid:" in line


def test_the_full_node_needs_root() -> None:
    with tempfile.TemporaryDirectory() as folder:  # one that another user can read
        Path(folder).chmod(0o755)
        copy = shutil.copytree(NODE, Path(folder) / "node")
        env = environment(Path(folder), HOME=folder)
        command = [str(copy / "up")]
        if os.geteuid() == 0:
            drop = ["--reuid=65534", "--regid=65534", "--clear-groups"]
            command = ["setpriv", *drop, *command]
        lines = problems(ran(*command, env=env))
    assert any("not root" in line and "--api-only" in line for line in lines)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("dial tcp: lookup proxy.example: no such host", "the network cannot be reached"),
        ("undefined: x", "building the programs failed (undefined: x)"),
    ],
)
def test_a_failed_build_says_why(tmp_path: Path, log: str, said: str) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.99", f"echo '{log}' >&2; exit 1")
    (line,) = problems(alone(tmp_path, path))
    assert said in line
    assert "what was built is kept" in line


def test_two_at_once_are_refused_by_process_id(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.99", "false")
    with (tmp_path / "run.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4711\n")
        held.flush()
        (line,) = problems(alone(tmp_path, path))
    assert "another up or down (process 4711)" in line


def test_a_run_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("irreplaceable")
    (line,) = problems(alone(tmp_path, programs_on_path(tmp_path / "bin")))
    assert "holds something else" in line
    down = ran(NODE / "down", "--run", str(tmp_path / "run"), env=environment(tmp_path))
    assert down.returncode == 0, down.stderr
    assert (tmp_path / "run" / "thesis.txt").exists()


@pytest.mark.parametrize("variable", ["NODE_RUN", "NODE_CACHE"])
def test_a_folder_that_every_user_can_write_to_is_refused(tmp_path: Path, variable: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    path = programs_on_path(tmp_path / "bin")
    env = environment(tmp_path, PATH=str(path)) | {variable: str(shared / "mine")}
    said = ran(UP, "--api-only", env=env)
    assert f"would lie in {shared}, which every user can write to" in said.stderr
    assert said.returncode == 1
    assert list(shared.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_run_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", 65534, 65534)
    (line,) = problems(alone(tmp_path, programs_on_path(tmp_path / "bin")))
    assert "could change what the node runs" in line


def test_an_api_server_runs_in_a_folder_of_its_user_by_default(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.99", "false")
    env = environment(tmp_path, PATH=str(path), HOME=str(tmp_path))
    for variable in ("NODE_RUN", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        env.pop(variable, None)
    own = tmp_path / ".local/state/qudag-api"
    own.mkdir(parents=True)
    (own / "thesis.txt").write_text("irreplaceable")
    (line,) = problems(ran(UP, "--api-only", env=env))
    assert f"{own} holds something else" in line


def test_a_missing_folder_of_crds_is_named_before_anything_starts(tmp_path: Path) -> None:
    crds = str(tmp_path / "nothing")
    (line,) = problems(ran(UP, "--api-only", "--crds", crds, env=environment(tmp_path)))
    assert f"no CRDs in {crds}" in line


def test_wrong_usage_has_its_own_exit_status(tmp_path: Path) -> None:
    assert ran(UP, "--everything", env=environment(tmp_path)).returncode == 2


@needs_namespaces
@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ("ip link add qnode0 type veth peer name y", "a network link qnode0 exists"),
        (
            "ip link set lo up; ip route add 10.244.3.0/24 dev lo",
            "the addresses 10.244.0.0/16 are in use",
        ),
        ("mkdir -p $NODE_RUN; mount -t tmpfs -o noexec tmpfs $NODE_RUN", "mounted noexec"),
        (
            "mkdir -p $NODE_CACHE; mount -t tmpfs -o size=16m tmpfs $NODE_CACHE",
            "the first build needs about 12 GiB",
        ),
        ("rm -r /sys/fs/cgroup/pids", "no cgroup v1 hierarchies"),
        ("echo /elsewhere > /run/qudag-node.at", "this machine's node runs in /elsewhere"),
    ],
    ids=["link", "addresses", "noexec", "disk", "cgroups", "another node"],
)
def test_used_ports_and_missing_programs_are_reported(
    tmp_path: Path, prepare: str, said: str
) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.99", "false")
    command = isolated(prepare, str(UP))
    lines = problems(ran(*command, env=environment(tmp_path, PATH=str(path))))
    assert any(said in line for line in lines), lines
