"""Secrets are hidden in the graph of a program and refused in clear in a stack file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.base.constraints import shown
from components.base.problems import ProblemReport
from graph.recorder import record
from graph.resource_graph import SECRET
from graph.stack_files import read_stack_files
from stacks.program import main

VALUE = "hunter2hunter2"


class Thing(pulumi.CustomResource):
    """A resource of any type with these properties."""

    def __init__(self, token: str, **properties: Any) -> None:
        super().__init__(token, "thing", properties)


@pytest.mark.parametrize(
    ("token", "properties", "path"),
    [
        (
            "kubernetes:core/v1:Secret",
            {"apiVersion": "v1", "kind": "Secret", "data": {"any": VALUE}},
            "data.any",
        ),
        (
            "kubernetes:core/v1:Secret",
            {"apiVersion": "v1", "kind": "Secret", "stringData": {"any": VALUE}},
            "stringData.any",
        ),
        ("azure-native:keyvault:Secret", {"properties": {"value": VALUE}}, "properties.value"),
        (
            "azure-native:keyvault/v20240401:Secret",
            {"properties": {"value": VALUE}},
            "properties.value",
        ),
        ("aws:secretsmanager/secretVersion:SecretVersion", {"secretString": VALUE}, "secretString"),
        ("aws:ssm/parameter:Parameter", {"value": VALUE}, "value"),
        ("aws:rds/instance:Instance", {"password": VALUE}, "password"),
        ("gcp:secretmanager/secretVersion:SecretVersion", {"secretData": VALUE}, "secretData"),
        ("a:b:C", {"list": [{"clientSecret": VALUE}]}, "list[0].clientSecret"),
        ("a:b:C", {"credentials": json.dumps({"key": VALUE})}, "credentials"),
    ],
)
def test_a_secret_that_the_program_does_not_mark_is_hidden(
    token: str, properties: dict[str, Any], path: str
):
    graph = record(lambda: Thing(token, **properties))
    assert VALUE not in graph.to_json()
    assert graph.one(token).secret_inputs == (path,)


@pytest.mark.parametrize(
    "properties",
    [
        {"secretName": "tls", "passwordAuthentication": "disabled", "tokenUrl": "https://a.b/c"},
        {"secret": "projects/p/secrets/s"},
        {"credentials": "arn:aws:secretsmanager:eu-west-1:1:secret:a"},
        {"disableToken": "true"},
    ],
)
def test_names_of_secrets_and_settings_are_shown(properties: dict[str, Any]):
    graph = record(lambda: Thing("a:b:C", **properties))
    assert graph.one("a:b:C").inputs == properties


def test_a_secret_among_the_outputs_of_a_stack_is_hidden():
    graph = record(lambda: pulumi.export("password", VALUE))
    assert graph.outputs == {"password": SECRET}


def project(root: Path, config: dict[str, Any]) -> Path:
    (root / "Pulumi.yaml").write_text("name: theirs\nruntime: python\n")
    (root / "__main__.py").write_text("")
    (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    return root


@pytest.mark.parametrize("key", ["aws:secretKey", "aws:token", "azure-native:clientSecret"])
def test_a_providers_secret_in_clear_is_refused_without_showing_it(tmp_path: Path, key: str):
    root = project(tmp_path, {key: VALUE, "aws:region": "eu-west-1"})
    with pytest.raises(ProblemReport) as refused:
        read_stack_files(root, "dev")
    (problem,) = refused.value.problems
    assert problem.path == f"Pulumi.dev.yaml: {key}"
    assert f"pulumi config set --secret {key}" in problem.fix
    assert VALUE not in str(refused.value)


def test_an_encrypted_secret_and_other_settings_of_providers_are_read(tmp_path: Path):
    config = {
        "aws:secretKey": {"secure": "v1:abc"},
        "aws:skipCredentialsValidation": "true",
        "gcp:credentials": "/etc/gcp/key.json",
        "theirs:token": "theirs to decide",
    }
    assert read_stack_files(project(tmp_path, config), "dev").config["gcp:credentials"]


def test_our_program_refuses_a_providers_secret_with_all_other_problems():
    config = {"aws:secretKey": VALUE, "qudag-mcp:environment": "none"}
    with pytest.raises(ProblemReport) as refused:
        record(main, project="qudag-mcp", stack="dev", config=config)
    paths = {problem.path.partition(" ")[0] for problem in refused.value.problems}
    assert {"aws:secretKey", "qudag-mcp:environment"} <= paths
    assert VALUE not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        f"user:{VALUE}@registry.example.com/name:1",
        f"https://user:{VALUE}@example.com/jwks",
        f"https://{VALUE}@example.com/jwks",
        f"https://example.com/jwks?token={VALUE}",
        f"docker://a:{VALUE}@b/c",
    ],
)
def test_a_message_shows_no_login_and_no_query(text: str):
    assert VALUE not in shown(text)


def test_a_message_shows_an_image_with_its_digest():
    image = "docker.io/a/b:1@sha256:0123"
    assert shown(image) == repr(image)
