"""The engine is chosen by stack and machine; a stack that none can deploy is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from components.base.problems import ProblemReport
from delivery import engine
from delivery.kubectl import Kubectl
from delivery.progress import Progress
from delivery.pulumi_download import UnavailableError
from delivery.pulumi_stack import Deployment, summary
from graph.resource_graph import Resource, ResourceGraph

NAMESPACE = "kubernetes:core/v1:Namespace"
BUCKET = "aws:s3/bucket:Bucket"

KUBECTL = Kubectl(Path("kubectl"), "none")


def graph(*types: str) -> ResourceGraph:
    custom = tuple(
        Resource(urn=f"urn:pulumi:dev::qudag-mcp::{token}::{token}", type=token, name=token)
        for token in ("pulumi:providers:kubernetes", *types)
    )
    component = Resource(urn="urn:c", type="qudag-mcp:index:Core", name="core", custom=False)
    return ResourceGraph(project="qudag-mcp", stack="dev", resources=(*custom, component))


def quiet() -> Progress:
    return Progress(Console(file=io.StringIO()))


@pytest.fixture
def no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network on which the release cannot be had."""

    def unreachable(cache: Path) -> Path:
        raise UnavailableError("no network here")

    monkeypatch.setattr(engine, "obtain", unreachable)


def program(folder: Path, script: str) -> None:
    file = folder / "pulumi"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_the_packages_of_a_stack_are_those_of_its_own_resources() -> None:
    assert engine.packages(graph(NAMESPACE, BUCKET)) == {"kubernetes", "aws"}


@pytest.mark.usefixtures("no_release")
def test_without_pulumi_a_kubernetes_stack_is_applied_with_the_reason_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    chosen = engine.choose(graph(NAMESPACE), quiet())
    assert chosen.pulumi is None
    assert "no pulumi on PATH" in chosen.why
    assert "no network here" in chosen.why


@pytest.mark.usefixtures("no_release")
def test_without_pulumi_a_stack_with_cloud_resources_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProblemReport) as report:
        engine.choose(graph(NAMESPACE, BUCKET), quiet())
    (problem,) = report.value.problems
    assert BUCKET in problem.what
    assert "https://www.pulumi.com/docs/install/" in problem.fix


@pytest.mark.usefixtures("no_release")
def test_without_pulumi_a_secret_with_a_value_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = Resource(
        urn="urn:pulumi:dev::qudag-mcp::kubernetes:core/v1:Secret::key",
        type="kubernetes:core/v1:Secret",
        name="key",
        inputs={"apiVersion": "v1", "kind": "Secret", "data": {"a": "[secret]"}},
        secret_inputs=("data.a",),
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    made = ResourceGraph(project="qudag-mcp", stack="dev", resources=(secret,))
    for without in (True, False):
        with pytest.raises(ProblemReport, match=r"key data\.a: its value is a secret"):
            engine.choose(made, quiet(), without_pulumi=without)


@pytest.mark.usefixtures("no_release")
@pytest.mark.parametrize("said", ["v3.249.9", "v2.300.0", "nonsense"])
def test_a_pulumi_that_is_too_old_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    program(tmp_path, f"echo {said}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    chosen = engine.choose(graph(NAMESPACE), quiet())
    assert chosen.pulumi is None
    assert "3.250 is needed" in chosen.why


@pytest.mark.usefixtures("no_release")
def test_a_pulumi_whose_plugin_cannot_be_had_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(
        tmp_path,
        'case "$1 $2" in "plugin ls") echo "[]";; "plugin i"*) exit 1;; *) echo v3.272.0;; esac',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    chosen = engine.choose(graph(NAMESPACE), quiet())
    assert chosen.pulumi is None
    assert "has no plugin kubernetes" in chosen.why


@pytest.mark.usefixtures("no_release")
def test_a_plugin_on_path_needs_no_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(
        tmp_path,
        'case "$1 $2" in "plugin ls") echo "[]";; "plugin i"*) exit 1;; *) echo v3.272.0;; esac',
    )
    plugin = tmp_path / "pulumi-resource-kubernetes"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert engine.choose(graph(NAMESPACE), quiet()).pulumi == tmp_path / "pulumi"


def test_a_stack_that_is_up_without_pulumi_stays_so_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path, "echo v3.272.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    chosen = engine.choose(graph(NAMESPACE), quiet(), without_pulumi=True)
    assert chosen.pulumi is None
    assert "until make down" in chosen.why


def test_the_end_of_an_update_is_counted() -> None:
    said = """
Updating (dev):
 +  kubernetes:core/v1:Namespace platform-namespace created (0.1s)
Resources:
    + 3 created
    ~ 1 updated
    +-2 replaced
    6 changes. 17 unchanged

Duration: 4s
"""
    assert summary(said) == {"created": 3, "updated": 1, "replaced": 2, "unchanged": 17}


def test_the_passphrase_is_random_stays_the_same_and_is_for_its_owner_only(tmp_path: Path) -> None:
    def deployment(state: Path) -> Deployment:
        state.mkdir(exist_ok=True)
        return Deployment(Path("pulumi"), tmp_path, "dev", state, KUBECTL)

    files = [
        Path(deployment(tmp_path / name).environment["PULUMI_CONFIG_PASSPHRASE_FILE"])
        for name in ("a", "a", "b")
    ]
    first, again, other = (file.read_text() for file in files)
    assert first == again != other
    assert len(first) > 30
    assert files[0].stat().st_mode & 0o077 == 0


def test_other_stacks_than_dev_keep_the_backend_that_the_user_chose(tmp_path: Path) -> None:
    own = Deployment(Path("pulumi"), tmp_path, "prod", tmp_path, KUBECTL).environment
    assert "PULUMI_BACKEND_URL" not in own
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in own
