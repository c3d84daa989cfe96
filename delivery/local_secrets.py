"""The secrets of a local cluster: made where they are absent, straight in the cluster.

Values are random, are never printed, and touch no disk of ours: they go to kubectl's standard
input. A secret that is there is never looked into and never replaced. In staging and prod the
same names come from External Secrets.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stacks.problems import Problem, ProblemReport

from .certificates import (
    Authority,
    key_set,
    new_authority,
    new_certificate,
    new_signing_key,
    private_pem,
    signing_key,
)
from .kubectl import Kubectl, Object

AUTHORITY = "mcp-local-ca"
SIGNER = "mcp-issuer-signer"
LABELS = {"app.kubernetes.io/managed-by": "qudag-mcp-up"}
_SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())

_PASSWORD_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class RequiredSecret:
    """A secret that the stack's workloads read and the program does not make.

    Attributes:
        kind: ``passwords``, ``certificate`` or ``signing-key``.
        keys: the entries that its readers expect.
        dns_names: names that a certificate is for.
    """

    namespace: str
    name: str
    kind: str
    keys: tuple[str, ...]
    dns_names: tuple[str, ...] = ()

    @classmethod
    def from_output(cls, written: Mapping[str, Any]) -> RequiredSecret:
        return cls(
            namespace=written["namespace"],
            name=written["name"],
            kind=written["kind"],
            keys=tuple(written.get("keys") or ()),
            dns_names=tuple(written.get("dns_names") or written.get("dnsNames") or ()),
        )

    @property
    def reference(self) -> str:
        return f"Secret/{self.namespace}/{self.name}"


def absent(kubectl: Kubectl, required: Sequence[RequiredSecret]) -> list[RequiredSecret]:
    """Those that the cluster lacks."""
    there = {
        (namespace, name.removeprefix("secret/"))
        for namespace in {secret.namespace for secret in required}
        for name in kubectl.must("get", "secret", f"-n={namespace}", "--output=name").split()
    }
    return [secret for secret in required if (secret.namespace, secret.name) not in there]


def create(
    kubectl: Kubectl, required: Sequence[RequiredSecret], addresses: Sequence[str]
) -> list[str]:
    """Makes the absent secrets; references of what it made, never a value.

    Args:
        addresses: what the cluster's load balancers may be reached at, for certificates.
    """
    missing = absent(kubectl, required)
    made: list[str] = []
    for secret in missing:
        for manifest in _manifests(kubectl, secret, addresses):
            outcome = kubectl.run("create", "--filename=-", stdin=json.dumps(manifest))
            if outcome.ok:
                made.append(f"Secret/{secret.namespace}/{manifest['metadata']['name']}")
            elif "already exists" not in outcome.err:
                raise ProblemReport([_not_made(secret, outcome.last_lines(1))])
    return made


def refuse_absent(kubectl: Kubectl, required: Sequence[RequiredSecret], cluster: str) -> None:
    """Refuses a cluster of the user's that lacks secrets: only they can know its values."""
    missing = absent(kubectl, required)
    if missing:
        raise ProblemReport(
            Problem(
                secret.reference,
                f"{cluster} has no such secret (keys {', '.join(secret.keys)})",
                "the pods that read it would not start",
                "make it there (External Secrets does in staging and prod), or let random values "
                "be made with --create-secrets",
            )
            for secret in missing
        )


def _manifests(kubectl: Kubectl, secret: RequiredSecret, addresses: Sequence[str]) -> list[Object]:
    makers: dict[str, Callable[[], list[Object]]] = {
        "passwords": lambda: [_passwords(secret)],
        "certificate": lambda: [
            _certificate(secret, _authority(kubectl, secret.namespace), addresses)
        ],
        "signing-key": lambda: _signing_key(kubectl, secret),
    }
    if secret.kind not in makers:
        raise ProblemReport([_not_made(secret, f"nothing here makes the kind {secret.kind!r}")])
    return makers[secret.kind]()


def _not_made(secret: RequiredSecret, why: str) -> Problem:
    return Problem(
        secret.reference,
        f"it could not be made: {why}",
        "the pods that read it would not start",
        f"make it yourself, with the keys {', '.join(secret.keys)}",
    )


def _secret(namespace: str, name: str, entries: Mapping[str, bytes]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
        "data": {key: base64.b64encode(value).decode() for key, value in entries.items()},
    }


def _passwords(secret: RequiredSecret) -> Object:
    return _secret(
        secret.namespace,
        secret.name,
        {key: secrets.token_urlsafe(_PASSWORD_BYTES).encode() for key in secret.keys},
    )


# ---- what is made once and then read back -------------------------------------------------------


def _entries(kubectl: Kubectl, namespace: str, name: str) -> dict[str, bytes] | None:
    found = kubectl.objects("secret", name, f"-n={namespace}")
    if not found:
        return None
    return {key: base64.b64decode(value) for key, value in found[0]["data"].items()}


def _made_once(
    kubectl: Kubectl, namespace: str, name: str, make: Callable[[], dict[str, bytes]]
) -> dict[str, bytes]:
    """What the cluster has under this name; made first where it has nothing.

    A command that was killed half way leaves such a secret without those derived from it; the next
    one derives them from what is there.
    """
    if (there := _entries(kubectl, namespace, name)) is not None:
        return there
    made = make()
    kubectl.must("create", "--filename=-", stdin=json.dumps(_secret(namespace, name, made)))
    return made


def _authority(kubectl: Kubectl, namespace: str) -> Authority:
    """The local authority; its private key lives in the cluster only."""

    def make() -> dict[str, bytes]:
        authority = new_authority()
        return {"tls.crt": authority.public, "tls.key": authority.private}

    entries = _made_once(kubectl, namespace, AUTHORITY, make)
    return Authority.from_pem(entries["tls.crt"], entries["tls.key"])


def authority_certificate(kubectl: Kubectl, namespace: str) -> str | None:
    """The public certificate of the local authority; None where there is none."""
    entries = _entries(kubectl, namespace, AUTHORITY)
    return entries["tls.crt"].decode() if entries else None


def _certificate(secret: RequiredSecret, authority: Authority, addresses: Sequence[str]) -> Object:
    names = dict.fromkeys([*secret.dns_names, "localhost", "127.0.0.1", *addresses])
    certificate, key = new_certificate(authority, list(names))
    entries = {"tls.crt": certificate, "tls.key": key, "ca.crt": authority.public}
    return _secret(secret.namespace, secret.name, entries)


def _signing_key(kubectl: Kubectl, secret: RequiredSecret) -> list[Object]:
    """The issuer's public keys; its private key goes to a secret that no pod mounts."""

    def make() -> dict[str, bytes]:
        return {"private.pem": private_pem(new_signing_key())}

    signer = _made_once(kubectl, secret.namespace, SIGNER, make)
    public = json.dumps(key_set(signing_key(signer["private.pem"]))).encode()
    return [_secret(secret.namespace, secret.name, {"jwks.json": public})]


def signer_key(kubectl: Kubectl, namespace: str) -> bytes | None:
    """The development issuer's private key, PEM; None on a cluster that has no such issuer."""
    entries = _entries(kubectl, namespace, SIGNER)
    return entries["private.pem"] if entries else None


def delete(kubectl: Kubectl, namespaces: Sequence[str]) -> int:
    """Deletes what ``create`` made in these namespaces; how many."""
    deleted = 0
    for namespace in namespaces:
        where = (f"-n={namespace}", f"--selector={_SELECTOR}")
        found = kubectl.must("get", "secret", *where, "--output=name").split()
        if found:
            kubectl.must("delete", "secret", *where)
        deleted += len(found)
    return deleted
