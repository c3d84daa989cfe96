"""Objects of External Secrets: who reads a store, with which credential, and what is created."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...rule import Check, Hit, Rule, at

_DOCS: Final = "https://external-secrets.io/latest"
CLUSTER_STORE: Final = Rule(
    id="k8s-store-001",
    severity=Severity.HIGH,
    reference=f"{_DOCS}/guides/multi-tenancy/",
    refuses="a ClusterSecretStore or ClusterExternalSecret that every namespace may use",
    fix="make a SecretStore in each namespace, or name the namespaces in conditions",
)
STORED_CREDENTIAL: Final = Rule(
    id="k8s-store-002",
    severity=Severity.MEDIUM,
    reference=f"{_DOCS}/guides/security-best-practices/",
    refuses="a secret store that is read with a stored credential",
    fix="log in with a service account: auth.kubernetes or auth.jwt for Vault, auth.jwt for AWS, "
    "auth.workloadIdentity for Google, authType WorkloadIdentity for Azure",
)
PLAIN_TEXT: Final = Rule(
    id="k8s-store-003",
    severity=Severity.CRITICAL,
    reference=f"{_DOCS}/api/secretstore/",
    refuses="a token or a value in clear in a secret store's object",
    fix="log in with a service account, and replace the value",
)
UNENCRYPTED: Final = Rule(
    id="k8s-store-004",
    severity=Severity.HIGH,
    reference=f"{_DOCS}/guides/security-best-practices/",
    refuses="a secret store that is reached without TLS",
    fix="write an https:// URL, and the CA in caBundle or caProvider",
)
NEW_AT_EACH_REFRESH: Final = Rule(
    id="k8s-store-005",
    severity=Severity.MEDIUM,
    reference=f"{_DOCS}/api/generator/password/",
    refuses="an ExternalSecret that creates another password at each refresh",
    fix="set refreshPolicy to CreatedOnce",
)
OVERWRITES: Final = Rule(
    id="k8s-store-006",
    severity=Severity.MEDIUM,
    reference=f"{_DOCS}/api/pushsecret/",
    refuses="a PushSecret that replaces values of the store by generated ones, or deletes them",
    fix="set updatePolicy to IfNotExists, and deletionPolicy to None",
)
_CREDENTIALS: Final = (
    *("secretRef", "tokenSecretRef", "appRole", "ldap", "userPass", "cert", "iam"),
    "authSecretRef",
)
_HEADER: Final = re.compile(r"token|authorization|secret|key", re.IGNORECASE)
_GENERATORS: Final = ("Password", "UUID", "SSHKey")


def secrets_stay_in_their_store(graph: ResourceGraph) -> Iterator[Hit]:
    """Stores, what is read from them, and what is put into them."""
    for resource in graph.resources:
        match resource.inputs.get("kind"):
            case "SecretStore" | "ClusterSecretStore" if _is_ours(resource):
                yield from _store(resource)
            case "ExternalSecret" | "ClusterExternalSecret" if _is_ours(resource):
                yield from _external_secret(resource)
            case "PushSecret" | "ClusterPushSecret" if _is_ours(resource):
                yield from _push_secret(resource)
            case _:
                pass


def _is_ours(resource: Resource) -> bool:
    return str(resource.inputs.get("apiVersion")).startswith("external-secrets.io/")


def _store(store: Resource) -> Iterator[Hit]:
    spec = branch(store.inputs, "spec")
    if store.inputs.get("kind") == "ClusterSecretStore" and not entries(spec, "conditions"):
        so = "every namespace could read each value that the store's identity may read"
        yield at(store, "spec.conditions", "is missing", so, CLUSTER_STORE.fix, CLUSTER_STORE.id)
    for name, provider in branch(spec, "provider").items():
        path = f"spec.provider.{name}"
        yield from _credentials(store, path, branch(provider))
        yield from _in_clear(store, path, name, branch(provider))
        for field in ("server", "url", "host"):
            if str(branch(provider).get(field)).startswith("http://"):
                so = "who reads the network could read the tokens and all values"
                at_url = f"{path}.{field}"
                yield at(store, at_url, "is http://", so, UNENCRYPTED.fix, UNENCRYPTED.id)


def _credentials(store: Resource, path: str, provider: dict[str, Any]) -> Iterator[Hit]:
    so = "a credential that does not expire reads the store, and a leak stays unnoticed"
    auth = branch(provider, "auth")
    for field in _CREDENTIALS:
        for where, inside in ((f"{path}.auth.{field}", auth), (f"{path}.{field}", provider)):
            if inside.get(field):
                yield at(store, where, "is set", so, STORED_CREDENTIAL.fix, STORED_CREDENTIAL.id)
    kind = provider.get("authType", "ServicePrincipal")
    if "vaultUrl" in provider and kind == "ServicePrincipal":
        what = f"is {kind}" if "authType" in provider else "is missing: ServicePrincipal is used"
        where = f"{path}.authType"
        yield at(store, where, what, so, STORED_CREDENTIAL.fix, STORED_CREDENTIAL.id)


def _in_clear(store: Resource, path: str, name: str, provider: dict[str, Any]) -> Iterator[Hit]:
    so = "everyone who may read the object, the program or its state has the value"
    for header in branch(provider, "headers"):
        if _HEADER.search(header):
            where = f"{path}.headers.{header}"
            yield at(store, where, "is in clear", so, PLAIN_TEXT.fix, PLAIN_TEXT.id)
    if name == "fake" and entries(provider, "data"):
        yield at(store, f"{path}.data", "is in clear", so, PLAIN_TEXT.fix, PLAIN_TEXT.id)


def _external_secret(secret: Resource) -> Iterator[Hit]:
    inner = "spec"
    spec = branch(secret.inputs, "spec")
    if secret.inputs.get("kind") == "ClusterExternalSecret":
        if not (entries(spec, "namespaceSelectors") or spec.get("namespaceSelector")):
            so = "every namespace would get the Secret"
            where = "spec.namespaceSelectors"
            yield at(secret, where, "is missing", so, CLUSTER_STORE.fix, CLUSTER_STORE.id)
        inner, spec = "spec.externalSecretSpec", branch(spec, "externalSecretSpec")
    generators = [
        dig(source, "sourceRef", "generatorRef", "kind") for source in entries(spec, "dataFrom")
    ]
    creates = any(kind in _GENERATORS for kind in generators)
    if creates and spec.get("refreshPolicy") != "CreatedOnce" and not _never_refreshed(spec):
        said = spec.get("refreshPolicy")
        yield at(
            secret,
            f"{inner}.refreshPolicy",
            f"is {said}" if said else "is missing",
            "each refresh creates another password: what uses the old one is refused",
            NEW_AT_EACH_REFRESH.fix,
            NEW_AT_EACH_REFRESH.id,
        )


def _never_refreshed(spec: dict[str, Any]) -> bool:
    return re.fullmatch(r"0|(0(h|m|s))+", str(spec.get("refreshInterval"))) is not None


def _push_secret(secret: Resource) -> Iterator[Hit]:
    inner = "spec"
    spec = branch(secret.inputs, "spec")
    if secret.inputs.get("kind") == "ClusterPushSecret":
        inner, spec = "spec.pushSecretSpec", branch(spec, "pushSecretSpec")
    generated = branch(spec, "selector", "generatorRef")
    if generated and spec.get("updatePolicy") != "IfNotExists":
        so = "each refresh puts another password into the store: what uses the old one is refused"
        where = f"{inner}.updatePolicy"
        what = f"is {spec.get('updatePolicy', 'Replace')}, for generated values"
        yield at(secret, where, what, so, OVERWRITES.fix, OVERWRITES.id)
    if spec.get("deletionPolicy") == "Delete":
        so = "deleting the object, or the stack, deletes the values in the store"
        where = f"{inner}.deletionPolicy"
        yield at(secret, where, "is Delete", so, OVERWRITES.fix, OVERWRITES.id)


_GROUP: Final = "kubernetes:external-secrets.io"
CHECK: Final = Check(
    rules=(
        *(CLUSTER_STORE, STORED_CREDENTIAL, PLAIN_TEXT, UNENCRYPTED, NEW_AT_EACH_REFRESH),
        OVERWRITES,
    ),
    types=(
        *(
            f"{_GROUP}/{version}:{kind}"
            for version in ("v1", "v1beta1")
            for kind in (
                *("SecretStore", "ClusterSecretStore", "ExternalSecret"),
                "ClusterExternalSecret",
            )
        ),
        f"{_GROUP}/v1alpha1:PushSecret",
        f"{_GROUP}/v1alpha1:ClusterPushSecret",
    ),
    find=secrets_stay_in_their_store,
)
