"""The gateway's nginx reloads renewed certificates; a broken pair leaves the old one in use."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from components.kubernetes.nginx_start import LOOK_SECONDS
from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.nginx_gateway import BEHIND, NAME, RunningGateway, gateway_pod, is_open
from tests.harness.pods import give
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.upstream import HOLD, upstream

NOTICED = "certificates changed"


@contextlib.contextmanager
def opened(directory: Path, authority: Authority) -> Generator[RunningGateway]:
    """A gateway that looks at its files every 0.2 s."""
    pod = gateway_pod(directory, authority)
    files = pod.config_maps["gateway-nginx"]
    assert f"sleep {LOOK_SECONDS} " in files["start.sh"]
    files["start.sh"] = files["start.sh"].replace(f"sleep {LOOK_SECONDS} ", "sleep 0.2 ")
    shown = authority.issue("core", [NAME])
    with (
        private_network(),
        upstream(port(BEHIND), *shown) as behind,
        run_container(pod, "gateway") as running,
    ):
        gateway = RunningGateway(running, behind, authority.trust())
        until(lambda: is_open(gateway))
        yield gateway


def volume(gateway: RunningGateway, path: str) -> Path:
    """The folder on this machine that is mounted at `path`."""
    pod = gateway.running.pod
    mounts = pod.container("gateway")["volumeMounts"]
    (name,) = (mount["name"] for mount in mounts if mount["mountPath"] == path)
    return pod.directory / pod.name / "volumes" / name


def swap(folder: Path, content: Mapping[str, Path], version: int) -> None:
    """Replace all files at once, as the kubelet does: one symbolic link is renamed."""
    new = folder / f"..{version}"
    new.mkdir()
    give(new, 0o2770)
    for name, source in content.items():
        shutil.copy(source, new / name)
        give(new / name, 0o440)
    (folder / "..data_tmp").symlink_to(new.name)
    os.rename(folder / "..data_tmp", folder / "..data")
    for name in content:
        if not (folder / name).is_symlink():
            (folder / f"{name}.new").symlink_to(f"..data/{name}")
            os.rename(folder / f"{name}.new", folder / name)


def presented(gateway: RunningGateway) -> bytes | None:
    with gateway.connect() as connection:
        return connection.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_served_and_running_calls_finish(
    tmp_path: Path, authority: Authority
):
    with opened(tmp_path, authority) as gateway:
        folder = volume(gateway, "/etc/tls")
        same = {"tls.crt": folder / "tls.crt", "tls.key": folder / "tls.key"}
        swap(folder, same, 1)
        first = presented(gateway)
        statuses: list[int] = []
        call = threading.Thread(
            target=lambda: statuses.append(gateway.ask(headers={HOLD: "1"}).status_code)
        )
        call.start()
        until(lambda: gateway.behind.received)
        certificate, key = authority.issue("renewed")
        swap(folder, {"tls.crt": certificate, "tls.key": key}, 2)
        until(lambda: presented(gateway) != first)
        assert gateway.ask("/absent").status_code == 404
        gateway.behind.go.set()
        call.join()
        assert statuses == [200]
        assert gateway.running.log.count(NOTICED) == 1


def test_nginx_keeps_the_old_certificate_if_the_new_key_does_not_match(
    tmp_path: Path, authority: Authority
):
    with opened(tmp_path, authority) as gateway:
        folder = volume(gateway, "/etc/tls")
        first = presented(gateway)
        certificate, _ = authority.issue("one")
        _, key = authority.issue("two")
        swap(folder, {"tls.crt": certificate, "tls.key": key}, 1)
        until(lambda: "key values mismatch" in gateway.running.log)
        assert presented(gateway) == first
        good = authority.issue("three")
        swap(folder, {"tls.crt": good[0], "tls.key": good[1]}, 2)
        until(lambda: presented(gateway) != first)


def test_a_renewed_authority_of_the_upstream_is_trusted(tmp_path: Path, authority: Authority):
    (tmp_path / "other").mkdir()
    other = Authority.at(tmp_path / "other")
    with opened(tmp_path, other) as gateway:
        gateway.trust = other.trust()
        assert gateway.ask().status_code == 200
        swap(volume(gateway, "/etc/internal-ca"), {"ca.crt": authority.ca_file}, 1)
        until(lambda: gateway.ask().status_code == 502)
        swap(volume(gateway, "/etc/internal-ca"), {"ca.crt": other.ca_file}, 2)
        until(lambda: gateway.ask().status_code == 200)


@pytest.mark.parametrize("renewals", [0, 1])
def test_nginx_exits_with_status_0_after_certificates_were_renewed(
    tmp_path: Path, authority: Authority, renewals: int
):
    with opened(tmp_path, authority) as gateway:
        first = presented(gateway)
        for number in range(renewals):
            certificate, key = authority.issue("renewed")
            swap(volume(gateway, "/etc/tls"), {"tls.crt": certificate, "tls.key": key}, number)
            until(lambda: presented(gateway) != first)
        gateway.running.terminate()
        assert gateway.running.exit_status() == 0
