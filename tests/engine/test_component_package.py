"""Programs in TypeScript and YAML deploy the components through the real engine.

The Kubernetes provider renders its objects to YAML files, so that no cluster is asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from components.base.tokens import TYPE_TOKENS
from components.package_schema import FILE
from tests.harness.pulumi_cli import (
    PulumiCli,
    copied_example,
    copied_package,
    install_plugins,
    missing,
)

pytestmark = pytest.mark.skipif(
    bool(missing("pulumi-language-python")), reason=missing("pulumi-language-python")
)
RENDERED = "kubernetes:renderYamlToDirectory"


class Package(NamedTuple):
    """The component package, and Pulumi's home with the plugins that its components use."""

    folder: Path
    variables: dict[str, str]
    home: Path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    home = tmp_path_factory.mktemp("home")
    install_plugins(home)
    return Package(*copied_package(tmp_path_factory.mktemp("package")), home)


def cli(program: Path, package: Package, **variables: str) -> PulumiCli:
    state = {"PULUMI_BACKEND_URL": (program.parent / "state").as_uri()}
    (program.parent / "state").mkdir(exist_ok=True)
    return PulumiCli(program, package.home, package.variables | state | variables)


def test_get_schema_lists_every_component(package: Package, tmp_path: Path) -> None:
    """The engine's binder has accepted the schema when it prints it."""
    printed = cli(tmp_path, package).run("package", "get-schema", str(package.folder))
    schema: dict[str, Any] = json.loads(printed[printed.index("{") :])
    assert set(schema["resources"]) == set(TYPE_TOKENS.values())
    committed = json.loads(FILE.read_text())
    for name, described in committed["resources"].items():
        assert schema["resources"][name] == {key: each for key, each in described.items() if each}
    for name, described in committed["types"].items():
        assert schema["types"][name] == {key: each for key, each in described.items() if each}


@pytest.mark.parametrize(
    ("language", "host", "file"),
    [
        ("nodejs", "pulumi-language-nodejs", "gateway.ts"),
        ("python", "pulumi-language-python", "gateway.py"),
        ("go", "pulumi-language-go", "gateway.go"),
    ],
)
def test_an_sdk_is_generated(
    package: Package, tmp_path: Path, language: str, host: str, file: str
) -> None:
    if absent := missing(host):
        pytest.skip(absent)
    pulumi = cli(tmp_path, package)
    out = tmp_path / "sdk"
    pulumi.run("package", "gen-sdk", str(package.folder), "--language", language, "--out", str(out))
    (generated,) = out.rglob(file)
    assert "oldest TLS version that clients may use" in generated.read_text()
    if language == "python":  # another name than that of the wheel, so both can be installed
        assert generated.parent.name == "qudag_qudag_mcp"
        subprocess.run([sys.executable, "-m", "compileall", "-q", generated.parent], check=True)


@pytest.fixture(scope="module")
def typescript(package: Package, tmp_path_factory: pytest.TempPathFactory) -> PulumiCli:
    """The TypeScript example with its SDK generated and its packages of npm installed."""
    if absent := missing("pulumi-language-nodejs", "npm", "node"):
        pytest.skip(absent)
    folder = tmp_path_factory.mktemp("typescript")
    program = copied_example("typescript", folder, package.folder)
    pulumi = cli(program, package)
    pulumi.run("install")
    pulumi.create()
    return pulumi


def compiled(program: Path) -> str:
    """What the compiler of TypeScript reports; empty if there is no mistake."""
    argv = [program / "node_modules/.bin/tsc", "--noEmit", "-p", program]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=program).stdout


def test_the_typescript_program_compiles_and_a_wrong_field_does_not(typescript: PulumiCli) -> None:
    assert compiled(typescript.program) == ""
    file = typescript.program / "index.ts"
    text = file.read_text()
    try:
        file.write_text(text.replace('era: "modern"', 'era: "newest"', 1))
        assert "error TS2322" in compiled(typescript.program)
    finally:
        file.write_text(text)


def test_the_typescript_program_previews(typescript: PulumiCli) -> None:
    printed = typescript.run("preview")
    assert "qudag-mcp:index:Gateway" in printed
    assert "kubernetes:apps/v1:Deployment" in printed


@pytest.fixture
def in_yaml(package: Package, tmp_path: Path) -> PulumiCli:
    if absent := missing("pulumi-language-yaml", "pulumi-resource-kubernetes"):
        pytest.skip(absent)
    program = copied_example("yaml", tmp_path, package.folder)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("{apiVersion: v1, kind: Config}")
    rendered = tmp_path / "rendered"
    rendered.mkdir()
    pulumi = cli(program, package, KUBECONFIG=str(kubeconfig))
    pulumi.create()
    # The provider writes the objects to files: there is no cluster here.
    pulumi.run("config", "set", RENDERED, str(rendered))
    return pulumi


def test_the_yaml_program_is_deployed_unchanged_changed_and_destroyed(in_yaml: PulumiCli) -> None:
    rendered = Path(in_yaml.run("config", "get", RENDERED).strip())
    assert "to create" in in_yaml.run("preview")
    first = in_yaml.up()
    assert first.keys() == {"created"}
    assert first["created"] > 20
    documents = [yaml.safe_load(file.read_text()) for file in rendered.rglob("*.yaml")]
    assert {"Namespace", "Deployment", "Service", "NetworkPolicy"} <= {
        each["kind"] for each in documents
    }
    outputs = json.loads(in_yaml.run("stack", "output", "--json"))
    assert outputs == {"mcpUrl": "https://weather.example.com/mcp"}

    assert in_yaml.up() == {"unchanged": first["created"]}

    in_yaml.run("config", "set", "domain", "forecast.example.com")
    changed = in_yaml.up()
    assert "updated" in changed or "replaced" in changed
    assert "deleted" not in changed
    outputs = json.loads(in_yaml.run("stack", "output", "--json"))
    assert outputs == {"mcpUrl": "https://forecast.example.com/mcp"}

    in_yaml.run("destroy", "--yes", "--skip-preview")
    state = json.loads(in_yaml.run("stack", "export"))
    assert state["deployment"].get("resources", []) == []


def test_the_engine_prints_every_problem_with_its_path_consequence_and_fix(
    in_yaml: PulumiCli,
) -> None:
    file = in_yaml.program / "Pulumi.yaml"
    written = yaml.safe_load(file.read_text())
    gateway = written["resources"]["gateway"]["properties"]
    gateway |= {"maxBody": "4 MB", "allowedOrigins": ["not an origin"]}
    file.write_text(yaml.safe_dump(written))
    printed = in_yaml.run("preview", ok=False)
    assert "gateway.maxBody" in printed
    assert "gateway.allowedOrigins[0]" in printed
    assert printed.count("fix:") >= 2
    assert "Traceback" not in printed


def test_a_value_that_may_be_a_password_is_not_printed(in_yaml: PulumiCli) -> None:
    file = in_yaml.program / "Pulumi.yaml"
    written = yaml.safe_load(file.read_text())
    written["resources"]["forecast"]["properties"]["env"] = {"DB_PASSWORD": "hunter2hunter2"}
    file.write_text(yaml.safe_dump(written))
    printed = in_yaml.run("preview", ok=False)
    assert "forecast.env.DB_PASSWORD" in printed
    assert "hunter2" not in printed
