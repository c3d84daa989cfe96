"""The wheel works in an environment without this repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from graph.resource_graph import ResourceGraph
from policies import broken_policies
from tests.harness.graph_queries import pods as pods_of
from tests.harness.network_policy_model import Endpoint, Enforcement

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/__main__.py"))

PREVIEW = """
import sys
from pathlib import Path
from graph.programs import record_stack
print(record_stack(Path(sys.argv[1]), "dev").to_json())
"""


def run(argv: Sequence[str | Path], **environment: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment
    done = subprocess.run(
        argv,
        check=False,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT])
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that has the wheel, and what the wheel says that it needs."""
    place = tmp_path_factory.mktemp("elsewhere") / "venv"
    python = place / "bin/python"
    run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, place])
    install = [BIN / "uv", "pip", "install", "--python", python, "-c", "requirements.txt", wheel]
    try:
        run([*install, "--offline"])  # all of it is in the cache after `make` has made .venv
    except AssertionError:
        run(install)
    return python


@pytest.fixture(scope="module")
def wheel_only(elsewhere: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH that contains only the installed library."""
    program = "import pulumi_qudag_mcp as library; print(*library.__path__)"
    installed = run([elsewhere, "-I", "-c", program]).strip()
    folder = tmp_path_factory.mktemp("wheel_only")
    (folder / "pulumi_qudag_mcp").symlink_to(installed)
    return folder


def test_the_wheel_holds_the_components_the_runbooks_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {
        f"pulumi_qudag_mcp/{path.relative_to(ROOT / 'components')}"
        for path in ROOT.glob("components/**/*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    pages = {page.name for page in ROOT.glob("docs/runbooks/*.md")}
    assert names == ours | {f"pulumi_qudag_mcp/observability/runbooks/{page}" for page in pages}
    assert {
        "pulumi_qudag_mcp/py.typed",
        "pulumi_qudag_mcp/kubernetes/templates/nginx.conf.j2",
    } <= names


def test_every_public_name_can_be_imported_without_this_repository(elsewhere: Path) -> None:
    program = """
import importlib.util, pulumi_qudag_mcp as library
assert not any(map(importlib.util.find_spec, ("components", "stacks", "graph")))
print(*(f"{name}={getattr(library, name)}" for name in dir(library)))
"""
    assert "Gateway=<class 'pulumi_qudag_mcp.kubernetes.gateway.Gateway'>" in run(
        [elsewhere, "-I", "-c", program]
    )


def test_the_runbooks_are_read_from_the_wheel(elsewhere: Path) -> None:
    program = """
from pulumi_qudag_mcp.observability.rules import RuleOptions
from pulumi_qudag_mcp.observability.runbook_text import RunbookNames, folder, runbook_texts
assert "site-packages" in str(folder())
options = RuleOptions(namespace="mcp", gateway="front")
print(*runbook_texts(options, RunbookNames(gateway="front")).values())
"""
    said = run([elsewhere, "-I", "-c", program])
    assert "# PlatformDown" in said
    assert "kubectl -n mcp get pods -l app=front" in said


def test_importing_the_wheel_costs_less_than_50_milliseconds(elsewhere: Path) -> None:
    program = """
from time import process_time
before = process_time()
import pulumi_qudag_mcp
print(process_time() - before)
"""
    assert min(float(run([elsewhere, "-I", "-c", program])) for _ in range(3)) < 0.05


def preview(example: str, wheel_only: Path) -> ResourceGraph:
    argv = [sys.executable, "-c", PREVIEW, ROOT / "examples" / example]
    active = {"PYTHONPATH": f"{ROOT}:{wheel_only}", "VIRTUAL_ENV": sys.prefix}
    return ResourceGraph.from_json(run(argv, **active))


def test_one_component_previews_in_a_program_of_others(wheel_only: Path) -> None:
    graph = preview("gateway", wheel_only)
    outputs = graph.one("qudag-mcp:index:Gateway").outputs
    assert graph.outputs["mcp_url"] == outputs["mcp_url"] == "https://weather.example.com/mcp"
    assert outputs["prm_url"].endswith("/.well-known/oauth-protected-resource/mcp")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.name)
def test_the_environment_of_the_readme_is_the_one_that_the_command_uses(example: Path) -> None:
    """The folder has its own environment, in which the README installs the wheel."""
    options = yaml.safe_load((example / "Pulumi.yaml").read_text())["runtime"]["options"]
    text = (example / "README.md").read_text()
    place = f"examples/{example.name}/{options['virtualenv']}"
    assert f"python3 -m venv {place}" in text
    assert re.search(rf"^{place}/bin/pip install .*dist/pulumi_qudag_mcp-", text, re.M)
    assert f"qudag-mcp preview -C examples/{example.name}" in text


def test_components_are_put_together_by_their_outputs(wheel_only: Path) -> None:
    graph = preview("several", wheel_only)
    (conf,) = (
        resource.inputs["data"]["nginx.conf"]
        for resource in graph.all("kubernetes:core/v1:ConfigMap")
        if "nginx.conf" in resource.inputs["data"]
    )
    server = graph.one("qudag-mcp:index:Core", "forecast").outputs["host"]
    assert f"server {server}:8443 " in conf


def test_a_program_of_others_watches_its_platform(wheel_only: Path) -> None:
    graph = preview("monitored", wheel_only)
    assert [str(problem) for problem in broken_policies(graph)] == []
    pods = {one.name: one for one in pods_of(graph)}
    read = scraped(graph)
    assert read == {"forecast": 9090, "weather-gateway": 9090}
    cluster = Enforcement([one.inputs for one in graph.of_kind("NetworkPolicy")])
    ends = {
        name: Endpoint.pod(one.owner.inputs["metadata"]["namespace"], app=name)
        for name, one in pods.items()
    }
    needed = [
        *(("prometheus", job, port) for job, port in read.items()),
        ("grafana", "prometheus", 9090),
        ("grafana", "trace-store", 16686),
        ("forecast", "trace-collector", 4318),
        ("weather-gateway", "trace-collector", 4318),
        ("trace-collector", "trace-store", 4318),
        ("weather-gateway", "forecast", 8443),
    ]
    for source, target, port in needed:
        assert cluster.allows(ends[source], ends[target], "TCP", port), (source, target)
    api = Endpoint.address("10.96.0.1")
    assert [name for name in pods if cluster.leaves(ends[name], api, "TCP", 443)] == ["prometheus"]
    assert not cluster.allows(ends["forecast"], ends["prometheus"], "TCP", 9090)


def scraped(graph: ResourceGraph) -> dict[str, int]:
    """The port that Prometheus reads of each workload, as its pods name it."""
    (text,) = (
        one.inputs["data"]["prometheus.yml"]
        for one in graph.of_kind("ConfigMap")
        if "prometheus.yml" in one.inputs["data"]
    )
    ports = {
        (one.owner.inputs["metadata"]["namespace"], one.name, port["name"]): port["containerPort"]
        for one in pods_of(graph)
        for container in one.containers
        for port in container.get("ports", [])
    }
    kept = [
        tuple(rule["regex"].split(";"))
        for config in yaml.safe_load(text)["scrape_configs"]
        for rule in config.get("relabel_configs", [])
        if rule.get("action") == "keep"
    ]
    return {name: ports[namespace, name, port] for namespace, name, port in kept}


@pytest.mark.slow
def test_two_clouds_and_a_managed_database_are_one_program(wheel_only: Path) -> None:
    graph = preview("clouds", wheel_only)
    assert graph.outputs["mcp_url"] == "https://weather.example.com/mcp"
    assert graph.outputs["europe_mcp_url"].startswith("https://forecast-eu-")
    assert [str(problem) for problem in broken_policies(graph)] == []


@pytest.mark.slow
def test_type_checkers_see_the_types_of_the_wheel(elsewhere: Path, tmp_path: Path) -> None:
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    for example in EXAMPLES:
        (tmp_path / f"{example.name}.py").write_text((example / "__main__.py").read_text())
    check = [BIN / "basedpyright", "--pythonpath", elsewhere, "--project", tmp_path]
    helper = "from pulumi_qudag_mcp import Era, Role\n\n\ndef era(role: Role) -> Era:\n"
    (tmp_path / "helper.py").write_text(
        helper + '    return "dual" if role == "core" else "modern"\n'
    )
    run(check)
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from pulumi_qudag_mcp import Upstream\n\nUpstream(host=1)\n")
    with pytest.raises(AssertionError, match="reportArgumentType"):
        run(check)
