"""Runs a real KEDA against a real API server: its operator, metrics API server and webhook."""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
import subprocess
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml

from .apiserver import ROOT, ApiServer
from .certificates import Authority
from .server import fetch, free_port, until

BUILD: Final = ROOT / "tools/controllers/build"
NAMESPACE: Final = "keda"
METRICS_API: Final = "keda-metrics-apiserver"
STARTS_WITHIN_SECONDS: Final = 60
NAMES: Final = ("localhost", f"{METRICS_API}.{NAMESPACE}.svc")
"""Names in the certificate of all three programs, for calls from the API server."""


def folder() -> Path:
    """Where `tools/controllers/build` puts KEDA's programs."""
    return Path(subprocess.check_output([BUILD, "--folder"], text=True).strip())


@contextlib.contextmanager
def keda(
    server: ApiServer, built: Path, run: Path, hosts: Mapping[str, str] | None = None
) -> Generator[None]:
    """Install KEDA's own manifests in an API server and run its programs, as its service account.

    The programs are processes of this machine, so the API server reaches them on loopback: the
    webhook by a URL, and the metrics API through a Service that is a name. Their logs are in `run`.

    Args:
        server: to install it in.
        built: folder of the programs.
        run: for their files.
        hosts: names that only its operator resolves, and their addresses; needs a private mount
            namespace.
    """
    authority = Authority.at(run)
    authority.issue("tls", NAMES)
    ports = {name: free_port() for name in ("grpc", "probe", "metrics", "webhook", "webhook-probe")}
    _install(server, built / "config")
    environment = os.environ | {"KUBECONFIG": str(_kubeconfig(server, run))}
    environment |= {"POD_NAMESPACE": NAMESPACE, "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE}
    environment |= {"WATCH_NAMESPACE": ""}
    programs = {
        "operator": [
            *(f"--cert-dir={run}", "--metrics-bind-address=0"),
            f"--metrics-service-bind-address=127.0.0.1:{ports['grpc']}",
            f"--health-probe-bind-address=127.0.0.1:{ports['probe']}",
        ],
        "adapter": [
            *("--bind-address=127.0.0.1", f"--secure-port={ports['metrics']}", "--port=0"),
            *(f"--cert-dir={run}", f"--client-ca-file={authority.ca_file}"),
            *(f"--tls-cert-file={run}/tls.crt", f"--tls-private-key-file={run}/tls.key"),
            f"--metrics-service-address=localhost:{ports['grpc']}",
            *(
                f"--{of}-kubeconfig={environment['KUBECONFIG']}"
                for of in ("authentication", "authorization", "lister")
            ),
        ],
        "webhooks": [
            *(f"--cert-dir={run}", f"--port={ports['webhook']}", "--metrics-bind-address=0"),
            f"--health-probe-bind-address=127.0.0.1:{ports['webhook-probe']}",
        ],
    }
    with contextlib.ExitStack() as running:
        before = {"operator": _with_hosts(hosts, run)}
        started = {
            name: running.enter_context(
                _process(
                    [*before.get(name, ()), built / name, *arguments],
                    run / f"{name}.log",
                    environment,
                )
            )
            for name, arguments in programs.items()
        }
        for name in ("probe", "webhook-probe"):
            until(lambda name=name: _ready(ports[name], started, run), STARTS_WITHIN_SECONDS)
        _connect(server, built / "config", authority, ports)
        yield


def _with_hosts(hosts: Mapping[str, str] | None, run: Path) -> list[str | Path]:
    """What runs a program with further lines in its own view of /etc/hosts."""
    if not hosts:
        return []
    file = run / "hosts"
    lines = [f"{address} {name}\n" for name, address in hosts.items()]
    file.write_text(Path("/etc/hosts").read_text().rstrip("\n") + "\n" + "".join(lines))
    replaced = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", replaced, file]


def _install(server: ApiServer, config: Path) -> None:
    """Apply KEDA's namespace, definitions, service account and roles."""
    files = [
        *("general/namespace.yaml", "service_account/service_account.yaml"),
        *("rbac/role.yaml", "rbac/role_binding.yaml"),
        *("metrics-server/role.yaml", "metrics-server/role_binding.yaml"),
    ]
    written = [config / file for file in files]
    written += sorted((config / "crd/bases").glob("*.yaml"))
    for file in written:
        _applied(server, file.read_text())
    waited = server.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    assert waited.returncode == 0, waited.stderr


def _kubeconfig(server: ApiServer, run: Path) -> Path:
    """A kubeconfig with a token of the operator's service account."""
    admin = yaml.safe_load(server.kubeconfig.read_text())
    made = server.kubectl("-n", NAMESPACE, "create", "token", "keda-operator", "--duration=2h")
    assert made.returncode == 0, made.stderr
    (user,) = admin["users"]
    user["user"] = {"token": made.stdout.strip()}
    file = run / "kubeconfig"
    file.write_text(yaml.safe_dump(admin))
    return file


@contextlib.contextmanager
def _process(
    command: Sequence[str | Path], said: Path, environment: dict[str, str]
) -> Generator[subprocess.Popen[bytes]]:
    with said.open("wb") as log:
        child = subprocess.Popen(command, cwd=said.parent, env=environment, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _ready(port: int, started: dict[str, subprocess.Popen[bytes]], run: Path) -> bool:
    for name, child in started.items():
        assert child.poll() is None, f"{name} ended: {(run / f'{name}.log').read_text()[-3000:]}"
    try:
        return fetch(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def _connect(server: ApiServer, config: Path, authority: Authority, ports: dict[str, int]) -> None:
    """Register the metrics API and the webhook; returns when both answer."""
    bundle = base64.b64encode(authority.ca_file.read_bytes()).decode()
    api = yaml.safe_load((config / "metrics-server/api_service.yaml").read_text())
    api["spec"] |= {"caBundle": bundle}
    api["spec"]["service"] |= {"port": ports["metrics"]}
    name = {"name": METRICS_API, "namespace": NAMESPACE}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": name,
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    hooks = yaml.safe_load((config / "webhooks/validation_webhooks.yaml").read_text())
    for hook in hooks["webhooks"]:
        path = hook["clientConfig"].pop("service")["path"]
        hook["clientConfig"] = {"url": f"https://localhost:{ports['webhook']}{path}"}
        # By default objects are accepted if the webhook does not answer; here they are refused.
        hook["clientConfig"]["caBundle"] = bundle
        hook["failurePolicy"] = "Fail"
    _applied(server, yaml.safe_dump_all([service, api, hooks]))
    waited = server.kubectl(
        *("wait", "--for=condition=Available", "--timeout=60s"),
        f"apiservice/{api['metadata']['name']}",
    )
    assert waited.returncode == 0, waited.stderr
    trust = ssl.create_default_context(cafile=str(authority.ca_file))
    until(lambda: _answers(ports["webhook"], trust), STARTS_WITHIN_SECONDS)


def _answers(port: int, trust: ssl.SSLContext) -> bool:
    try:
        return bool(fetch(f"https://localhost:{port}/", trust).status_code)
    except httpx2.TransportError:
        return False


def _applied(server: ApiServer, text: str) -> Any:
    done = server.apply(text)
    assert done.returncode == 0, done.stderr
