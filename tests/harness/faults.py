"""Faults that are put into a deployed platform, and what a diagnosis must say of each first."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from delivery.kubectl import Kubectl, Object

SERVER, DATABASE, CACHE = "mcp-server", "postgres", "redis"


@dataclass
class Broken:
    """The platform while a fault is in it.

    Attributes:
        undo: functions that are called once the objects of the cluster are as before, to restart
            pods that keep what they read during the fault.
    """

    kubectl: Kubectl
    namespace: str
    undo: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        return self.kubectl.must(f"-n={self.namespace}", *arguments, stdin=stdin)

    def patch(self, kind: str, name: str, fields: Any, form: str = "strategic") -> None:
        self.run("patch", kind, name, f"--type={form}", "--patch", json.dumps(fields))

    def container(self, name: str, **fields: Any) -> None:
        """Change a container of the server's Deployment."""
        pod = {"spec": {"containers": [{"name": name, **fields}]}}
        self.patch("deployment", SERVER, {"spec": {"template": pod}})

    def secret(self, name: str, key: str, value: str | None) -> None:
        """Change a key of a Secret; after the fault, the server is restarted to read it again."""
        self.undo.append(lambda: self.run("delete", "pod", f"--selector=app={SERVER}"))
        text = None if value is None else base64.b64encode(value.encode()).decode()
        self.patch("secret", name, {"data": {key: text}}, "merge")

    def restart(self, app: str = SERVER) -> None:
        self.run("delete", "pod", f"--selector=app={app}", "--wait=false", "--grace-period=1")

    def create(self, thing: Object) -> None:
        self.run("create", "--filename=-", stdin=json.dumps(thing))


def certificate(name: str, days: int) -> str:
    """A certificate that began ten days ago and is valid until some days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


Inject = Callable[[Broken], object]


@dataclass(frozen=True)
class Fault:
    """A fault, and what the first cause must say about it.

    Attributes:
        path: in the path of the first cause.
        what: in its text.
        compared: whether it is found only by comparing with the stack's program; else it must be
            found without.
    """

    inject: Inject
    path: str
    what: str
    compared: bool = False


TLS, INTERNAL, PASSWORDS = "mcp-tls-secret", "mcp-internal-tls-postgres", "mcp-server-secrets"
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "fault"},
    "spec": {"hard": {"pods": "1"}},
}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "fault"},
    "spec": {
        "storageClassName": "there-is-none",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    },
}
PRIVILEGED = {"allowPrivilegeEscalation": True}
ROOM = {"requests": {"cpu": "900"}, "limits": {"cpu": "900"}}
PROBE = {"httpGet": {"path": "/no-such", "port": "server-http"}}


def pod(broken: Broken, **fields: Any) -> None:
    """Change fields of the server's pods."""
    broken.patch("deployment", SERVER, {"spec": {"template": {"spec": fields}}})


def absent(kind: str, name: str) -> Inject:
    return lambda broken: broken.run("delete", kind, name)


def restarted(inject: Inject) -> Inject:
    def both(broken: Broken) -> None:
        inject(broken)
        broken.restart()

    return both


def key(secret: str, name: str, value: str | None) -> Inject:
    return lambda broken: broken.secret(secret, name, value)


def server(**fields: Any) -> Inject:
    return lambda broken: broken.container("server", **fields)


def scaled_to_none(name: str) -> Inject:
    return lambda broken: broken.run("scale", "statefulset", name, "--replicas=0")


def policy(broken: Broken) -> None:
    broken.patch("networkpolicy", "postgres-flows", {"spec": {"ingress": []}}, "merge")


def selector(broken: Broken) -> None:
    broken.patch("service", "postgres-service", {"spec": {"selector": {"app": "none"}}})


def grace(broken: Broken) -> None:
    pod(broken, terminationGracePeriodSeconds=20)


def elsewhere(broken: Broken) -> None:
    pod(broken, nodeSelector={"kubernetes.io/hostname": "there-is-none"})


def password(broken: Broken) -> None:
    """The database has another password than the Secret; it takes that one when it starts."""
    broken.undo.append(lambda: broken.run("delete", "pod", "postgres-0", "--ignore-not-found"))
    command = "ALTER ROLE qudag PASSWORD 'another'"
    broken.run(
        "exec",
        "postgres-0",
        "-c=postgres",
        "--",
        "psql",
        "-h",
        "/tmp",
        "-U",
        "postgres",
        "-c",
        command,
    )


FAULTS: dict[str, Fault] = {
    "a Secret is absent": Fault(
        restarted(absent("secret", PASSWORDS)), f"/{PASSWORDS}", "it is absent"
    ),
    "a Secret lacks a key": Fault(
        restarted(key(PASSWORDS, "database-password", None)),
        f"/{PASSWORDS}",
        "it lacks database-password",
    ),
    "a certificate has ended": Fault(
        key(TLS, "tls.crt", certificate("localhost", -1)), f"/{TLS}.tls.crt", "validity ended on"
    ),
    "a certificate is for another name": Fault(
        key(INTERNAL, "tls.crt", certificate("elsewhere.example", 300)),
        f"/{INTERNAL}.tls.crt",
        "it is not for postgres-service",
    ),
    "a certificate is none": Fault(
        key(TLS, "tls.crt", "none"), f"/{TLS}.tls.crt", "it is no certificate"
    ),
    "a network policy is absent": Fault(
        absent("networkpolicy", "postgres-flows"), "NetworkPolicy/", "it is absent", compared=True
    ),
    "a network policy was changed": Fault(
        policy, "NetworkPolicy/", "not as the stack describes it: spec.ingress", compared=True
    ),
    "a Service is absent": Fault(
        absent("service", "postgres-service"), "Service/", "it is absent", compared=True
    ),
    "a Service selects nothing": Fault(
        selector, "/postgres-service", "no workload has pods with the labels app=none"
    ),
    "a setting was changed": Fault(
        grace, "Deployment/", "terminationGracePeriodSeconds is 20", compared=True
    ),
    "the database has no pods": Fault(
        scaled_to_none(DATABASE), "/postgres-service", "postgres has no replicas"
    ),
    "the cache has no pods": Fault(
        scaled_to_none(CACHE), "/redis-service", "redis has no replicas"
    ),
    "an image cannot be pulled": Fault(
        server(image="localhost/there-is-none:1", imagePullPolicy="Always"),
        "container server",
        "its image cannot be pulled",
    ),
    "a program ends at once": Fault(
        server(args=["--no-such-option"]), "container server", "it ended with"
    ),
    "no node takes the pods": Fault(elsewhere, "Pod/", "no node takes it"),
    "a container asks for more than the namespace allows": Fault(
        server(resources=ROOM), "ReplicaSet/", "more than the limits of the namespace allow"
    ),
    "Pod Security refuses the pods": Fault(
        server(securityContext=PRIVILEGED),
        "ReplicaSet/",
        "the pods ask for more than Pod Security allows",
    ),
    "a quota is used up": Fault(
        restarted(lambda broken: broken.create(QUOTA)),
        "ReplicaSet/",
        "a quota of the namespace is used up",
    ),
    "the account of the pods is absent": Fault(
        restarted(absent("serviceaccount", "mcp-server-sa")),
        "ReplicaSet/",
        "the account of its pods is absent",
    ),
    "a volume has no storage class": Fault(
        lambda broken: broken.create(CLAIM), "PersistentVolumeClaim/", "it is Pending"
    ),
    "the database refuses the password": Fault(
        restarted(password), SERVER, "database is unreachable"
    ),
    "a probe never succeeds": Fault(
        server(readinessProbe=PROBE), "container server", "it runs and is not ready"
    ),
}
