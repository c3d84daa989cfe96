"""Runs a real OpenBao and the real controller of External Secrets for an API server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .apiserver import ROOT, ApiServer
from .server import free_port, until

BUILD: Final = ROOT / "tools/controllers/external_secrets/build"
STARTS_WITHIN_SECONDS: Final = 60
POLICY: Final = """
path "secret/data/PREFIX/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/PREFIX/*" { capabilities = ["create", "read", "update"] }
"""
"""The policy of docs/how-to/use-a-secret-store.md."""


def folder() -> Path:
    """Where the build script puts the programs."""
    return Path(subprocess.check_output([BUILD, "--folder"], text=True).strip())


@dataclass(frozen=True)
class OpenBao:
    """A running OpenBao, which is empty.

    Attributes:
        program: its command line.
        address: its URL.
        ca_file: the authority of its certificate.
    """

    program: Path
    address: str
    ca_file: Path
    token: str = "root-of-the-test"

    def run(self, *arguments: str, stdin: str = "") -> str:
        """Run its command line as the administrator."""
        environment = os.environ | {
            "BAO_ADDR": self.address,
            "BAO_CACERT": str(self.ca_file),
            "BAO_TOKEN": self.token,
        }
        done = subprocess.run(
            [self.program, *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def entry(self, path: str) -> dict[str, str]:
        """The newest version of an entry."""
        return json.loads(self.run("kv", "get", "-mount=secret", "-format=json", path))["data"][
            "data"
        ]

    def change(self, path: str, **values: str) -> None:
        """Change some keys of an entry."""
        self.run("kv", "patch", "-mount=secret", path, *(f"{k}={v}" for k, v in values.items()))

    def trust(self, server: ApiServer, *namespaces: str) -> None:
        """Let the platforms' service accounts log in, as the page of the documentation says."""
        made = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: openbao, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: openbao}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:auth-delegator}
subjects: [{kind: ServiceAccount, name: openbao, namespace: default}]
"""
        assert server.apply(made).returncode == 0
        reviewer = server.kubectl("create", "token", "openbao", "--duration=2h").stdout.strip()
        cluster = json.loads(server.kubectl("config", "view", "--raw", "-o=json").stdout)
        host = cluster["clusters"][0]["cluster"]
        ca = _authority(host)
        self.run("auth", "enable", "kubernetes")
        self.run(
            "write",
            "auth/kubernetes/config",
            "-",
            stdin=json.dumps(
                {
                    "kubernetes_host": host["server"],
                    "kubernetes_ca_cert": ca,
                    "token_reviewer_jwt": reviewer,
                }
            ),
        )
        policy = "".join(POLICY.replace("PREFIX", namespace) for namespace in namespaces)
        self.run("policy", "write", "qudag-mcp", "-", stdin=policy)
        self.run(
            *("write", "auth/kubernetes/role/qudag-mcp", "audience=vault"),
            *("token_policies=qudag-mcp", "token_ttl=10m"),
            "bound_service_account_names=qudag-mcp-secrets",
            f"bound_service_account_namespaces={','.join(namespaces)}",
        )


def _authority(cluster: Mapping[str, Any]) -> str:
    import base64

    if data := cluster.get("certificate-authority-data"):
        return base64.b64decode(data).decode()
    return Path(cluster["certificate-authority"]).read_text()


@contextlib.contextmanager
def openbao(built: Path, run: Path) -> Generator[OpenBao]:
    """Run OpenBao with TLS and a key-value engine at `secret`; everything is in memory."""
    port = free_port()
    bao = OpenBao(built / "openbao/bin/bao", f"https://127.0.0.1:{port}", run / "vault-ca.pem")
    command = [
        *(str(bao.program), "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={run}"),
        *(f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"),
    ]
    environment = os.environ | {"BAO_DEV_ROOT_TOKEN_ID": bao.token, "HOME": str(run)}
    with _running(command, run / "openbao.log", environment):

        def answers() -> bool:
            with contextlib.suppress(AssertionError):
                return bool(bao.run("status"))
            return False

        until(answers, STARTS_WITHIN_SECONDS)
        yield bao


@contextlib.contextmanager
def external_secrets(server: ApiServer, built: Path, run: Path) -> Generator[None]:
    """Install its definitions in the API server, and run its controller."""
    server.apply_crds(built / "crds")
    command = [
        *(str(built / "external-secrets"), "--metrics-addr=127.0.0.1:0", "--loglevel=info"),
        *("--concurrent=4", "--store-requeue-interval=5s"),
    ]
    environment = os.environ | {"KUBECONFIG": str(server.kubeconfig)}
    with _running(command, run / "external-secrets.log", environment):
        yield


@contextlib.contextmanager
def _running(command: list[str], log: Path, environment: dict[str, str]) -> Generator[None]:
    with log.open("wb") as written:
        child = subprocess.Popen(
            command, env=environment, stdout=written, stderr=written, start_new_session=True
        )
    try:
        yield
        assert child.poll() is None, log.read_text()[-3000:]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait(20)
