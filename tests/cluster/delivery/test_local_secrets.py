"""Only absent Secrets are created; existing ones are unchanged."""

from __future__ import annotations

import base64
import json
import uuid

import jwt
import pytest
from cryptography import x509

from components.base.problems import ProblemReport
from delivery import local_secrets
from delivery.kubectl import Kubectl
from delivery.local_secrets import AUTHORITY, SIGNER, RequiredSecret
from delivery.mcp_client import mint

ADDRESSES = ["10.250.1.1"]


@pytest.fixture
def space(kubectl: Kubectl) -> str:
    name = f"s{uuid.uuid4().hex[:8]}"
    kubectl.must("create", "namespace", name)
    return name


def required(space: str) -> list[RequiredSecret]:
    def secret(name: str, kind: str, *keys: str) -> RequiredSecret:
        return RequiredSecret(
            namespace=space, name=name, kind=kind, keys=keys, dns_names=("mcp-server-service",)
        )

    return [
        secret("mcp-server-secrets", "passwords", "database-password", "redis-password"),
        secret("mcp-tls-secret", "certificate", "tls.crt", "tls.key"),
        secret("mcp-internal-ca", "authority", "ca.crt"),
        secret("mcp-internal-tls-core", "internal-certificate", "tls.crt", "tls.key"),
        secret("mcp-issuer-keys", "signing-key", "jwks.json"),
        secret("mcp-user-keys", "master-keys", "user-master-key", "vault-master-key"),
    ]


def entries(kubectl: Kubectl, space: str, name: str) -> dict[str, str]:
    (found,) = kubectl.objects("secret", name, f"-n={space}")
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def test_every_required_secret_is_made_with_its_keys(kubectl: Kubectl, space: str) -> None:
    made = local_secrets.create(kubectl, required(space), ADDRESSES)
    names = {secret.name for secret in required(space)}
    assert set(made) == {f"Secret/{space}/{name}" for name in {*names, AUTHORITY, SIGNER}}
    for secret in required(space):
        assert set(entries(kubectl, space, secret.name)) == set(secret.keys)
    passwords = entries(kubectl, space, "mcp-server-secrets")
    assert passwords["database-password"] != passwords["redis-password"]
    assert min(len(value) for value in passwords.values()) > 30
    masters = entries(kubectl, space, "mcp-user-keys")
    assert masters["user-master-key"] != masters["vault-master-key"]
    assert min(len(value) for value in masters.values()) >= 32


def test_a_second_time_nothing_is_made_and_no_value_changes(kubectl: Kubectl, space: str) -> None:
    local_secrets.create(kubectl, required(space), ADDRESSES)
    before = [entries(kubectl, space, secret.name) for secret in required(space)]
    assert local_secrets.create(kubectl, required(space), ADDRESSES) == []
    assert [entries(kubectl, space, secret.name) for secret in required(space)] == before


def test_a_secret_of_the_users_is_never_touched(kubectl: Kubectl, space: str) -> None:
    kubectl.must(
        "create", "secret", "generic", "mcp-server-secrets", f"-n={space}",
        "--from-literal=database-password=mine",
    )  # fmt: skip
    made = local_secrets.create(kubectl, required(space), ADDRESSES)
    assert f"Secret/{space}/mcp-server-secrets" not in made
    assert entries(kubectl, space, "mcp-server-secrets") == {"database-password": "mine"}


def certificate(kubectl: Kubectl, space: str, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(entries(kubectl, space, name)["tls.crt"].encode())


def names_of(kubectl: Kubectl, space: str, name: str) -> set[str]:
    found = certificate(kubectl, space, name).extensions
    names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in names}


def test_one_authority_signs_all_certificates(kubectl: Kubectl, space: str) -> None:
    local_secrets.create(kubectl, required(space), ADDRESSES)
    written = local_secrets.authority_certificate(kubectl, space)
    assert written is not None
    assert written == entries(kubectl, space, "mcp-internal-ca")["ca.crt"]
    authority = x509.load_pem_x509_certificate(written.encode())
    for name in ("mcp-tls-secret", "mcp-internal-tls-core"):
        certificate(kubectl, space, name).verify_directly_issued_by(authority)


def test_a_certificate_between_pods_has_the_names_of_its_service_alone(
    kubectl: Kubectl, space: str
) -> None:
    local_secrets.create(kubectl, required(space), ADDRESSES)
    assert names_of(kubectl, space, "mcp-internal-tls-core") == {"mcp-server-service"}
    assert {"localhost", *ADDRESSES} <= names_of(kubectl, space, "mcp-tls-secret")


def test_the_shared_certificate_of_older_versions_is_replaced_by_one_for_each_service(
    kubectl: Kubectl, space: str
) -> None:
    local_secrets.create(kubectl, required(space), ADDRESSES)
    gone = ["mcp-internal-ca", "mcp-internal-tls-core"]
    kubectl.must("delete", "secret", *gone, f"-n={space}")
    authority = local_secrets.authority_certificate(kubectl, space)
    made = local_secrets.create(kubectl, required(space), ADDRESSES)
    assert set(made) == {f"Secret/{space}/{name}" for name in gone}
    # Pods of both versions trust each other while they are replaced.
    assert entries(kubectl, space, "mcp-internal-ca")["ca.crt"] == authority


def test_an_interrupted_run_reuses_its_signer_for_the_missing_secrets(
    kubectl: Kubectl, space: str
) -> None:
    local_secrets.create(kubectl, required(space), ADDRESSES)
    kubectl.must("delete", "secret", "mcp-issuer-keys", "mcp-tls-secret", f"-n={space}")
    authority = local_secrets.authority_certificate(kubectl, space)
    local_secrets.create(kubectl, required(space), ADDRESSES)
    assert authority is not None
    signer = x509.load_pem_x509_certificate(authority.encode())
    certificate(kubectl, space, "mcp-tls-secret").verify_directly_issued_by(signer)
    published = jwt.PyJWKSet.from_dict(
        json.loads(entries(kubectl, space, "mcp-issuer-keys")["jwks.json"])
    )
    private = local_secrets.signer_key(kubectl, space)
    assert private is not None
    token = mint(private, issuer="i", audience="a")
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["ES256"], audience="a")["iss"] == "i"


def test_a_cluster_of_the_users_without_them_is_refused_by_name(
    kubectl: Kubectl, space: str
) -> None:
    with pytest.raises(ProblemReport) as report:
        local_secrets.refuse_absent(kubectl, required(space), "context mine")
    assert len(report.value.problems) == len(required(space))
    assert "--create-secrets" in report.value.problems[0].fix


def test_only_secrets_that_create_has_made_are_deleted(kubectl: Kubectl, space: str) -> None:
    kubectl.must("create", "secret", "generic", "mine", f"-n={space}", "--from-literal=a=b")
    made = local_secrets.create(kubectl, required(space), ADDRESSES)
    assert local_secrets.delete(kubectl, [space]) == len(made)
    assert entries(kubectl, space, "mine") == {"a": "b"}


def test_several_namespaces_have_one_authority_and_the_same_passwords(
    kubectl: Kubectl, space: str
) -> None:
    """A killed `up` may have made those of one namespace alone."""
    further = f"{space}-cache"
    kubectl.must("create", "namespace", further)
    inside = RequiredSecret(
        namespace=further, name="mcp-server-secrets", kind="passwords", keys=("redis-password",)
    )
    certificate = RequiredSecret(
        namespace=further,
        name="mcp-internal-tls-redis",
        kind="internal-certificate",
        keys=("tls.crt", "tls.key"),
        dns_names=("redis-service",),
    )
    local_secrets.create(kubectl, required(space), ADDRESSES)
    made = local_secrets.create(kubectl, [*required(space), inside, certificate], ADDRESSES)
    assert set(made) == {inside.reference, certificate.reference}
    there = entries(kubectl, further, "mcp-server-secrets")
    ours = entries(kubectl, space, "mcp-server-secrets")
    assert there == {"redis-password": ours["redis-password"]}
    signed = x509.load_pem_x509_certificate(
        entries(kubectl, further, "mcp-internal-tls-redis")["tls.crt"].encode()
    )
    authority = x509.load_pem_x509_certificate(
        entries(kubectl, space, "mcp-internal-ca")["ca.crt"].encode()
    )
    signed.verify_directly_issued_by(authority)


def test_in_one_command_the_namespaces_get_the_same_passwords(kubectl: Kubectl, space: str) -> None:
    further = f"{space}-database"
    kubectl.must("create", "namespace", further)
    inside = RequiredSecret(
        namespace=further, name="mcp-server-secrets", kind="passwords", keys=("database-password",)
    )
    local_secrets.create(kubectl, [*required(space), inside], ADDRESSES)
    ours = entries(kubectl, space, "mcp-server-secrets")
    assert entries(kubectl, further, "mcp-server-secrets") == {
        "database-password": ours["database-password"]
    }
