"""An interrupted `up` is continued, and `down` deletes everything that `up` created."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from delivery.local_node import FOLDER
from delivery.process import run
from tests.harness.deployed_platform import Platform, start, up, verb


def left_of_the_node() -> dict[str, str]:
    """Processes, mounts, links, routes and folders of the local node on this machine."""
    script = f". {FOLDER}/lib.sh; echo $RUN $link $service_net $pod_net"
    folder, link, *nets = run(["bash", "-c", script]).out.split()
    processes = "".join(
        file.read_text() for file in Path("/sys/fs/cgroup/pids/qudag-node").rglob("cgroup.procs")
    )
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if folder in line]
    routes = run(["ip", "route"]).out
    found = {
        "processes": processes,
        "mounts": "\n".join(mounts),
        "link": "" if run(["ip", "link", "show", link]).status else link,
        "routes": "\n".join(net for net in nets if net in routes),
        "folder": folder if Path(folder).exists() else "",
    }
    return {what: left for what, left in found.items() if left}


def test_a_deployed_stack_can_be_deleted_alone(platform: Platform) -> None:
    assert verb("down", "--keep-cluster").status == 0
    assert platform.kubectl.objects("namespace", platform.namespace) == []
    said = verb("outputs")
    assert said.status == 1
    assert "make up" in said.err


def test_down_leaves_no_process_mount_link_or_route(platform: Platform) -> None:
    if platform.deployed.cluster != "node":
        pytest.skip("only the local node is brought up and taken down as a whole")
    assert verb("down").status == 0
    assert left_of_the_node() == {}
    again = verb("down")
    assert (again.status, again.out) == (0, "nothing is up\n")


def test_ups_that_are_ended_while_the_node_starts_leave_a_clean_retry(platform: Platform) -> None:
    """Both signals one after the other: the second `up` gets as far as the first one."""
    if platform.deployed.cluster != "node":
        pytest.skip("only the local node is started by up")
    assert verb("down").status == 0
    status, err = ended_while_the_node_starts(signal.SIGINT)
    assert status == 130
    assert "Run the same command again" in err
    assert "Traceback" not in err
    status, err = ended_while_the_node_starts(signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert "Traceback" not in err
    done = up()
    assert done.status == 0, done.err


def ended_while_the_node_starts(sign: signal.Signals) -> tuple[int, str]:
    """Exit status and last output of an `up` that gets this signal."""
    with start("up") as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "starting etcd" in line:
                break
        running.send_signal(sign)
        _, err = running.communicate(timeout=60)
    return running.returncode, err


def test_ctrl_c_while_pods_start_says_how_to_go_on(platform: Platform) -> None:
    del platform
    with start("up", "--create-secrets") as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Workloads" in line:
                break
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Run the same command again" in err
    assert "Traceback" not in err


def test_two_ups_at_once_do_not_mix(platform: Platform) -> None:
    del platform
    with start("up", "--create-secrets") as first:
        assert first.stderr is not None
        first.stderr.readline()
        second = verb("up")
        first.communicate(timeout=300)
    assert first.returncode == 0
    assert second.status == 1
    assert f"process {first.pid}" in second.err
