"""Creates the absent secrets of a local cluster, directly in the cluster.

Values are random. They are never printed or written to a disk of this machine: kubectl reads them
from standard input. An existing secret is not replaced; passwords that one made here lacks are
added. It is read where another namespace of the platform needs the same passwords. In a cluster of
yours you create secrets with the same names.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.base.problems import Problem, ProblemReport

from .kubectl import Kubectl, Object, reference
from .local_certificates import (
    Authority,
    key_set,
    new_authority,
    new_certificate,
    new_signing_key,
    private_pem,
    signing_key,
)

AUTHORITY = "mcp-local-ca"
SIGNER = "mcp-issuer-signer"
LABELS = {"app.kubernetes.io/managed-by": "qudag-mcp-up"}
_SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())

_PASSWORD_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class RequiredSecret:
    """A Secret that the stack's workloads read and that the program does not create.

    Attributes:
        kind: ``passwords``, ``master-keys``, ``certificate``, ``internal-certificate``,
            ``authority``, ``signing-key`` or ``given``.
        keys: the keys that the workloads read.
        dns_names: the DNS names of a certificate.
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
        return _reference(self.namespace, self.name)


def _reference(namespace: str, name: str) -> str:
    return f"Secret/{namespace}/{name}"


def _names(kubectl: Kubectl, namespace: str) -> set[str]:
    """The names of the Secrets in a namespace; values are not read."""
    listed = kubectl.must("get", "secret", f"-n={namespace}", "--output=name")
    return {name.removeprefix("secret/") for name in listed.split()}


def absent(kubectl: Kubectl, required: Sequence[RequiredSecret]) -> list[RequiredSecret]:
    """The required Secrets that the cluster does not have."""
    there = {space: _names(kubectl, space) for space in {one.namespace for one in required}}
    return [secret for secret in required if secret.name not in there[secret.namespace]]


def create(
    kubectl: Kubectl, required: Sequence[RequiredSecret], addresses: Sequence[str]
) -> list[str]:
    """Create the absent Secrets; returns their references, without values.

    Args:
        required: those of the platform's own namespace first. It has the CA and the signer;
            passwords of the same name are equal in all namespaces.
        addresses: addresses of the cluster's load balancers, for certificates.
    """
    missing = absent(kubectl, required)
    maker = _Maker(kubectl, _spaces(required), addresses)
    for secret in missing:
        maker.make(secret)
    manifests = maker.manifests
    if manifests:
        written = {"apiVersion": "v1", "kind": "List", "items": manifests}
        kubectl.must("create", "--validate=false", "--filename=-", stdin=json.dumps(written))
    lengthened = _lengthened(kubectl, [one for one in required if one.kind == "passwords"])
    return [reference(manifest) for manifest in manifests] + lengthened


def _lengthened(kubectl: Kubectl, required: Sequence[RequiredSecret]) -> list[str]:
    """Add values for keys that Secrets of passwords made here lack; returns their references.

    A Secret of somebody else is left as it is. A key has the same value in each namespace. Nothing
    of what is there changes: if somebody else has changed a Secret meanwhile, the API server
    refuses.
    """
    changed: list[str] = []
    there = {
        secret.reference: kubectl.objects("secret", secret.name, f"-n={secret.namespace}")[0]
        for secret in required
    }
    values = {
        (secret.name, key): value
        for secret in required
        for key, value in there[secret.reference].get("data", {}).items()
    }
    for secret in required:
        found = there[secret.reference]
        data = dict(found.get("data", {}))
        if not LABELS.items() <= found["metadata"].get("labels", {}).items():
            continue
        for key in (key for key in secret.keys if key not in data):
            new = base64.b64encode(secrets.token_urlsafe(_PASSWORD_BYTES).encode()).decode()
            data[key] = values.setdefault((secret.name, key), new)
        if data != found.get("data", {}):
            longer = json.dumps({**found, "data": data})
            kubectl.must("replace", "--validate=false", "--filename=-", stdin=longer)
            changed.append(secret.reference)
    return changed


def _spaces(required: Sequence[RequiredSecret]) -> list[str]:
    return list(dict.fromkeys(secret.namespace for secret in required))


def refuse_absent(kubectl: Kubectl, required: Sequence[RequiredSecret], cluster: str) -> None:
    """Refuse a cluster of the user that lacks Secrets, because only the user knows the values."""
    missing = absent(kubectl, required)
    if missing:
        raise ProblemReport(
            Problem(
                secret.reference,
                f"{cluster} has no such secret (keys {', '.join(secret.keys)})",
                "the pods that read it would not start",
                "create it there (docs/how-to/rotate-secrets.md), or have random values created "
                "with --create-secrets",
            )
            for secret in missing
        )


class _Maker:
    """Creates the Secrets of a platform, the CA and the signer first.

    These two are in the first of its namespaces.

    A killed command may have created a CA or a signer but not the Secrets that depend on
    it; the next command reuses the existing one.
    """

    def __init__(
        self, kubectl: Kubectl, namespaces: Sequence[str], addresses: Sequence[str]
    ) -> None:
        self.kubectl = kubectl
        self.namespaces = namespaces
        self.addresses = addresses
        self.manifests: list[Object] = []

    def make(self, secret: RequiredSecret) -> None:
        match secret.kind:
            case "passwords" | "master-keys":
                entries = self._passwords(secret)
            case "certificate":
                names = [*secret.dns_names, "localhost", "127.0.0.1", *self.addresses]
                entries = self._certificate(names)
            case "internal-certificate":
                # Only its own names: its key must be of no use under any other.
                entries = self._certificate(secret.dns_names)
            case "authority":
                entries = {"ca.crt": self._authority().public}
            case "signing-key":
                private = self._made_once(SIGNER, _new_signer)["private.pem"]
                entries = {"jwks.json": json.dumps(key_set(signing_key(private))).encode()}
            case "given":
                raise ProblemReport([_not_made(secret, "only its owner knows the values")])
            case unknown:
                raise ProblemReport([_not_made(secret, f"the kind {unknown!r} is not supported")])
        self._add(secret.namespace, secret.name, entries)

    def _passwords(self, secret: RequiredSecret) -> dict[str, bytes]:
        """Random values, and for keys that the Secret has in another namespace its values."""
        known: dict[str, bytes] = {}
        for namespace in self.namespaces:
            if namespace != secret.namespace:
                known = (self._there(namespace, secret.name) or {}) | known
        return {
            key: known.get(key) or secrets.token_urlsafe(_PASSWORD_BYTES).encode()
            for key in secret.keys
        }

    def _certificate(self, names: Sequence[str]) -> dict[str, bytes]:
        certificate, key = new_certificate(self._authority(), list(dict.fromkeys(names)))
        return {"tls.crt": certificate, "tls.key": key}

    def _authority(self) -> Authority:
        ours = self._made_once(AUTHORITY, _new_authority)
        return Authority.from_pem(ours["tls.crt"], ours["tls.key"])

    def _made_once(self, name: str, make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
        """The entries of the Secret ``name``; created with ``make`` if it is absent."""
        there = self._there(self.namespaces[0], name)
        if there is None:
            there = make()
            self._add(self.namespaces[0], name, there)
        return there

    def _there(self, namespace: str, name: str) -> dict[str, bytes] | None:
        """The entries of a Secret that exists, or is to be created; None if it is absent."""
        ours = [
            thing for thing in self.manifests if reference(thing) == _reference(namespace, name)
        ]
        return _decoded(ours[0]) if ours else _entries(self.kubectl, namespace, name)

    def _add(self, namespace: str, name: str, entries: Mapping[str, bytes]) -> None:
        self.manifests.append(_secret(namespace, name, entries))


def _new_authority() -> dict[str, bytes]:
    authority = new_authority()
    return {"tls.crt": authority.public, "tls.key": authority.private}


def _new_signer() -> dict[str, bytes]:
    return {"private.pem": private_pem(new_signing_key())}


def _not_made(secret: RequiredSecret, why: str) -> Problem:
    return Problem(
        secret.reference,
        f"it could not be created: {why}",
        "the pods that read it would not start",
        f"create it yourself, with the keys {', '.join(secret.keys)}",
    )


def _secret(namespace: str, name: str, entries: Mapping[str, bytes]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
        "data": {key: base64.b64encode(value).decode() for key, value in entries.items()},
    }


def _entries(kubectl: Kubectl, namespace: str, name: str) -> dict[str, bytes] | None:
    found = kubectl.objects("secret", name, f"-n={namespace}")
    return _decoded(found[0]) if found else None


def _decoded(secret: Object) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in secret["data"].items()}


def authority_certificate(kubectl: Kubectl, namespace: str) -> str | None:
    """The certificate of the local CA as PEM; None if there is none."""
    entries = _entries(kubectl, namespace, AUTHORITY)
    return entries["tls.crt"].decode() if entries else None


def signer_key(kubectl: Kubectl, namespace: str) -> bytes | None:
    """The development issuer's private key as PEM; None if the cluster has no such issuer."""
    entries = _entries(kubectl, namespace, SIGNER)
    return entries["private.pem"] if entries else None


def delete(kubectl: Kubectl, namespaces: Sequence[str]) -> int:
    """Delete the Secrets that ``create`` has created in these namespaces; returns the number."""
    deleted = 0
    for namespace in namespaces:
        where = (f"-n={namespace}", f"--selector={_SELECTOR}")
        found = kubectl.must("get", "secret", *where, "--output=name").split()
        if found:
            kubectl.must("delete", "secret", *where)
        deleted += len(found)
    return deleted
