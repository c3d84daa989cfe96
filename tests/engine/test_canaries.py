"""No credential that the real engine is given is in its state, its events or its previews."""

from __future__ import annotations

import inspect
import shutil
import sys
from base64 import b64encode
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.clouds import CLOUDS
from graph.secrets import names_a_secret
from tests.harness.canaries import Canary, leaks
from tests.harness.canary_stack import CONFIG
from tests.harness.containers import ROOT
from tests.harness.pulumi_cli import PulumiCli, install_plugins, missing

NEEDED: Final = ("pulumi-language-python", "pulumi-resource-kubernetes")
pytestmark = pytest.mark.skipif(bool(missing(*NEEDED)), reason=missing(*NEEDED))

PARTS: Final = ("__main__.py", "components", "stacks", "graph", "archives", "runtime")
SHOWN: Final = {"export with secrets", "outputs"}
"""Texts that the engine is asked to decrypt secrets for."""
LEAK: Final = """
import os
import pulumi
import pulumi_kubernetes as k8s
pulumi.export("leak", os.environ["AWS_SECRET_ACCESS_KEY"])
pulumi.export("marked", pulumi.Output.secret(os.environ["AWS_SESSION_TOKEN"]))
provider = k8s.Provider("leaking")
labels = {"leak": os.environ["AWS_SECRET_ACCESS_KEY"]}
k8s.core.v1.ConfigMap("leak", metadata={"labels": labels}, data=labels,
    opts=pulumi.ResourceOptions(provider=provider))
"""
RENDER = """
import os
import pulumi

def render(given):
    if given.type_ != "pulumi:providers:kubernetes":
        return None
    props = {name: value for name, value in given.props.items() if name != "context"}
    return pulumi.ResourceTransformResult(
        {**props, "renderYamlToDirectory": os.environ["RENDERED"]}, given.opts
    )

pulumi.runtime.register_resource_transform(render)
"""
VARIABLES: Final = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"),
    *("ARM_CLIENT_SECRET", "AZURE_CLIENT_SECRET", "PULUMI_ACCESS_TOKEN_OF_NOBODY"),
    "PULUMI_CONFIG_PASSPHRASE",
)


def settings() -> list[str]:
    """The configuration keys of each provider whose names say that they hold a secret."""
    packages = ["kubernetes", *(cloud.package for cloud in CLOUDS)]
    found: list[str] = []
    for package in packages:
        provider = import_module(f"pulumi_{package.replace('-', '_')}").Provider
        for name in inspect.signature(provider._internal_init).parameters:
            words = name.split("_")
            key = words[0] + "".join(word.title() for word in words[1:])
            if names_a_secret(key, "a secret: any text"):
                found.append(f"{package}:{key}")
    return found


def kubeconfig(token: Canary, key: Canary) -> str:
    cluster = {"server": "https://127.0.0.1:1"}
    encoded = b64encode(key.text.encode()).decode()
    other = {"client-key-data": encoded, "username": "other", "password": token.text}
    context = {"cluster": "none", "user": "me"}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "none", "cluster": cluster}],
            "users": [
                {"name": "me", "user": {"token": token.text}},
                {"name": "other", "user": other},
            ],
            "contexts": [{"name": "none", "context": context}],
            "current-context": "none",
        }
    )


@dataclass
class Deployed:
    """A stack that the engine has deployed with canaries, and where it writes."""

    cli: PulumiCli
    canaries: list[Canary]
    folder: Path

    def texts(self) -> dict[str, str]:
        """Everything that the engine says of the stack; changes deploy first."""
        events = self.folder / "events.json"
        found = {
            "up": self.cli.run("up", "--yes", "--skip-preview", f"--event-log={events}"),
            "preview --diff": self.cli.run("preview", "--diff", "--show-sames"),
            "preview --json": self.cli.run("preview", "--diff", "--json", "--show-sames"),
            "export": self.cli.run("stack", "export"),
            "export with secrets": self.cli.run("stack", "export", "--show-secrets"),
            "outputs": self.cli.run("stack", "output", "--json", "--show-secrets"),
            "history": self.cli.run("stack", "history", "--json"),
        }
        found["event log"] = events.read_text()
        for folder in (self.cli.home / "state", self.folder / "yaml"):
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    found[str(file.relative_to(self.folder))] = file.read_text(errors="replace")
        return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    folder = tmp_path_factory.mktemp("canaries")
    root, home = folder / "program", folder / "home"
    root.mkdir()
    for part in PARTS:
        copying: Any = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copying(ROOT / part, root / part)
    # The provider writes the objects to files: there is no cluster here.
    (root / "__main__.py").write_text(RENDER + (ROOT / "__main__.py").read_text())
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    project["runtime"] = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    config = {f"qudag-mcp:{name}": value for name, value in CONFIG.items()}
    (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    install_plugins(home)
    variables = {name: Canary.of(name) for name in VARIABLES}
    token, key = Canary.of("the token of a kubeconfig"), Canary.of("the key of a kubeconfig")
    (folder / "kubeconfig").write_text(kubeconfig(token, key))
    (folder / "yaml").mkdir()
    cli = PulumiCli(
        root,
        home,
        {name: each.text for name, each in variables.items()}
        | {
            "KUBECONFIG": str(folder / "kubeconfig"),
            "PULUMI_DEBUG_COMMANDS": "true",  # else there is no --event-log
            "RENDERED": str(folder / "yaml"),
        },
    )
    cli.run("stack", "init", "dev", "--secrets-provider=passphrase")
    configured = [Canary.of(name) for name in settings()]
    for each in configured:
        cli.run("config", "set", "--secret", each.name, each.text)
    return Deployed(cli, [*variables.values(), *configured, token, key], folder)


def test_the_providers_of_every_cloud_and_of_kubernetes_have_secret_settings():
    found = settings()
    assert {name.partition(":")[0] for name in found} >= {"aws", "azure-native", "kubernetes"}
    assert {"aws:secretKey", "aws:token", "kubernetes:kubeconfig"} <= {*found}


def test_no_text_of_the_engine_has_a_credential(deployed: Deployed):
    texts = deployed.texts()
    assert "mcp-server" in texts["export"]
    assert any("ConfigMap" in text for where, text in texts.items() if where.startswith("yaml"))
    assert leaks(deployed.canaries, texts) == []
    file = deployed.cli.program / "Pulumi.dev.yaml"
    assert leaks(deployed.canaries, {"the stack file": file.read_text()}) == []
    assert file.read_text().count("secure:") == len(settings())


def test_a_secret_of_the_stacks_own_settings_is_refused_and_not_shown(deployed: Deployed):
    canary = Canary.of("a password in the stack's configuration")
    deployed.cli.run("config", "set", "--secret", "qudag-mcp:region", canary.text)
    try:
        said = deployed.cli.run("up", "--yes", "--skip-preview", ok=False)
    finally:
        deployed.cli.run("config", "rm", "qudag-mcp:region")
    assert "qudag-mcp:region" in said
    assert "holds a value that is encrypted" in said
    state = {"said": said, "export": deployed.cli.run("stack", "export", "--show-secrets")}
    assert leaks([*deployed.canaries, canary], state) == []


def test_a_program_that_leaks_a_credential_is_found_in_each_text(deployed: Deployed):
    main = deployed.cli.program / "__main__.py"
    before = main.read_text()
    main.write_text(before + LEAK)
    try:
        texts = deployed.texts()
    finally:
        main.write_text(before)

    def having(name: str) -> set[str]:
        canary = Canary.of(name)
        return {where for where, text in texts.items() if leaks([canary], {where: text})}

    # What a program marks as secret. The engine writes it into its log for debugging all the same.
    assert having("AWS_SESSION_TOKEN") - {"event log"} == SHOWN
    clean = {*texts} - having("AWS_SECRET_ACCESS_KEY")
    assert not clean & {*SHOWN, "up", "preview --json", "export", "event log"}
    assert [where for where in texts if where.startswith("yaml") and where not in clean]
    assert [where for where in texts if where.startswith("home/state") and where not in clean]
