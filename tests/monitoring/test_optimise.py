"""`optimise` with a real Prometheus that has the recorded use of idle and busy servers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from typer.testing import CliRunner

from delivery.cli import app
from graph.programs import record_files
from graph.stack_files import read_stack_files
from graph.stack_yaml import read_stack_file
from tests.harness.containers import ROOT
from tests.harness.server import free_port, until

NAMESPACE: Final = "qudag-mcp-prod"
HOUR: Final = 3600
MEBI: Final = 1024**2
FOLDERS: Final = (
    *("archives", "components", "delivery", "graph", "policies", "review", "runtime", "stacks"),
)

Line = tuple[str, dict[str, str], float, float]
"""Name, labels, value at the first sample, and what it rises by in a second."""


def process(job: str, number: int, cores: float, mebibytes: float) -> Iterator[Line]:
    """What a server's process exports."""
    labels = {"namespace": NAMESPACE, "job": job, "exporter": "server", "pod": f"{job}-{number}"}
    yield "process_cpu_seconds_total", labels, 100, cores
    yield "process_resident_memory_bytes", labels, mebibytes * MEBI, 0


def container(
    name: str, hash_: str, cores: float, mebibytes: float, throttled: float
) -> Iterator[Line]:
    """What the kubelet says of a container of a Deployment's pod."""
    labels = {"namespace": NAMESPACE, "pod": f"{name}-7c9d8b6f5-{hash_}", "container": name}
    yield "container_cpu_usage_seconds_total", labels, 100, cores
    yield "container_memory_working_set_bytes", labels, mebibytes * MEBI, 0
    yield "container_cpu_cfs_periods_total", labels, 0, 10
    yield "container_cpu_cfs_throttled_periods_total", labels, 0, 10 * throttled
    yield "container_oom_events_total", labels, 0, 0


HISTORY: Final[dict[float, list[Line]]] = {
    30: [
        *(line for number in range(3) for line in process("mcp-core", number, 0.01, 100)),
        *(line for number in range(2) for line in process("mcp-auth", number, 0.005, 60)),
        *process("mcp-tools", 0, 0.08, 200),
        *process("mcp-tools", 1, 0.02, 90),
        *container("mcp-config", "x4v7z", 0.03, 100, 0.2),
        *container("mcp-config", "b9kq2", 0.03, 100, 0.0),
        # Of another workload whose name begins alike, and of another namespace.
        *container("mcp-config-extra", "b9kq2", 0.9, 900, 0.9),
        (
            "process_resident_memory_bytes",
            {"namespace": "other", "job": "mcp-auth", "exporter": "server", "pod": "a"},
            *(900 * MEBI, 0),
        ),
    ],
    3: [*process("mcp-state", 0, 0.01, 40)],
}
"""By the hours for which there are samples, one a minute."""


def recorded(now: float) -> Iterator[str]:
    """The history in the text format of OpenMetrics."""
    by_name: dict[str, list[tuple[float, Line]]] = {}
    for hours, lines in HISTORY.items():
        for line in lines:
            by_name.setdefault(line[0], []).append((hours, line))
    for name, lines in by_name.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        yield f"# TYPE {name.removesuffix('_total')} {kind}"
        for hours, (_, labels, first, rises) in lines:
            said = ",".join(f'{label}="{value}"' for label, value in labels.items())
            for second in range(0, int(hours * HOUR), 60):
                at = now - hours * HOUR + second
                yield f"{name}{{{said}}} {first + rises * second:.6f} {at:.0f}"
    yield "# EOF"


@pytest.fixture(scope="module")
def prometheus(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    folder = tmp_path_factory.mktemp("history")
    (folder / "history.txt").write_text("\n".join(recorded(time.time())) + "\n")
    made = subprocess.run(
        [
            *(built / "promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet"),
            *(folder / "history.txt", folder / "series"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (folder / "prometheus.yml").write_text("{}\n")
    port = free_port()
    command = [
        built / "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'series'}",
    ]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
        try:

            def ready() -> bool:
                assert running.poll() is None, (folder / "log").read_text()
                try:
                    return httpx2.get(f"{url}/-/ready").status_code == 200
                except httpx2.HTTPError:  # it is still starting
                    return False

            until(ready, 90)
            yield url
        finally:
            running.terminate()
            running.wait(30)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program with stack files of its own."""
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    return cloned(tmp_path)


@pytest.fixture(scope="module")
def proposed(prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is proposed for prod with the options' defaults."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("VIRTUAL_ENV", sys.prefix)
        return as_json(cloned(tmp_path_factory.mktemp("clone")), prometheus)


def cloned(tmp_path: Path) -> Path:
    for folder in FOLDERS:
        (tmp_path / folder).symlink_to(ROOT / folder)
    for file in ("Pulumi.yaml", "__main__.py", "Pulumi.prod.yaml"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    _with_quota(tmp_path, "40")
    return tmp_path


def _with_quota(clone: Path, cores: str) -> str:
    """Sets the quota of limits of CPU."""
    file = clone / "Pulumi.prod.yaml"
    text, count = re.subn(r"limitsCpu: [^,}\s]+", f'limitsCpu: "{cores}"', file.read_text())
    assert count == 1
    file.write_text(text)
    return text


def run(clone: Path, prometheus: str, *options: str) -> tuple[int, str, str]:
    words = ["optimise", "--stack", "prod", "-C", str(clone), "--prometheus", prometheus, *options]
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.stdout, result.stderr


def as_json(clone: Path, prometheus: str, *options: str) -> dict[str, Any]:
    status, shown, said = run(clone, prometheus, "--format", "json", *options)
    assert status == 0, said
    return json.loads(shown)


def changes(found: dict[str, Any]) -> dict[str, Any]:
    return {
        change["path"]: change["after"] for one in found["workloads"] for change in one["changes"]
    }


EXPECTED: Final = {
    # 3 pods of 10m and 100 MiB: two are enough, each with 15m and 150 MiB, and 20 % more of what
    # leaves the autoscaler where it is (60 % and 70 %): 30m, below the least of 50m, and 257 MiB.
    "scaling.mcp-core.min": 2,
    "scaling.mcp-core.cpu": "50m",
    "scaling.mcp-core.memory": "272Mi",
    # 60 MiB and 20 % are 72 MiB; 50m are the least of the namespace.
    "scaling.mcp-auth.memory": "80Mi",
    # The busier pod: 80m and 200 MiB with 20 % more.
    "scaling.mcp-tools.cpu": "100m",
    "scaling.mcp-tools.memory": "240Mi",
    # One of its two pods is throttled in 20 % of the periods.
    "scaling.mcp-config.cpuLimit": "375m",
}


def test_idle_servers_get_less_and_busy_ones_more(proposed: dict[str, Any]):
    found = proposed
    assert changes(found) == EXPECTED
    by_name = {one["name"]: one for one in found["workloads"]}
    assert by_name["mcp-config"]["source"] == "metrics of its containers"
    assert by_name["mcp-core"]["source"] == "metrics of its process"
    assert by_name["mcp-core"]["used"]["cpu"] == pytest.approx(0.01, rel=0.05)
    assert by_name["mcp-core"]["used"]["memory"] == 100 * MEBI
    assert by_name["mcp-core"]["hours"] == pytest.approx(30, abs=1)
    assert found["saved"]["price"] is None
    wanted = 3 * 0.2 - 2 * 0.05 + 2 * (0.05 - 0.1)
    assert found["saved"]["cpu"] == pytest.approx(wanted)


def test_too_little_data_is_refused_and_none_is_named(
    clone: Path, prometheus: str, proposed: dict[str, Any]
):
    unjudged = {one["path"]: one["what"] for one in proposed["not_judged"]}
    assert "less than 24 hours" in unjudged["mcp-state"]
    assert unjudged["mcp-state"].startswith("there are 3")
    assert "no data" in unjudged["mcp-crypto"]
    assert "mcp-core" not in unjudged
    status, _, said = run(clone, prometheus, "--at-least", "5d")
    assert status == 1
    assert "less than 5 days" in said
    judged = as_json(clone, prometheus, "--at-least", "2h")["workloads"]
    assert "mcp-state" in {one["name"] for one in judged}


def test_the_file_changes_in_the_proposed_values_alone(clone: Path, prometheus: str):
    file = clone / "Pulumi.prod.yaml"
    before, resources = file.read_text(), graph_of(clone)
    status, shown, said = run(clone, prometheus)
    assert (status, file.read_text()) == (0, before), said
    assert "--write changes it" in said
    status, shown, said = run(
        clone, prometheus, "--write", "--core-price", "20", "--gib-price", "3"
    )
    assert status == 0, said
    # 0.4 cores at 20, and (1536 - 544) + 2 x (128 - 80) + 2 x (128 - 240) MiB at 3 for a GiB.
    assert "0.4 cores less and 864Mi of memory less; 10.53 a month saved" in shown
    after = file.read_text()
    assert {line for line in before.splitlines() if "#" in line} <= set(after.splitlines())
    scaling = "qudag-mcp:scaling"
    old, new = (yaml_of(clone, text) for text in (before, after))
    assert {key for key in new if new[key] != old.get(key)} == {scaling}
    for path, value in EXPECTED.items():
        _, service, field = path.split(".")
        assert new[scaling][service][field] == value
    later = graph_of(clone)
    assert later.keys() == resources.keys()
    changed = {urn for urn in later if later[urn] != resources[urn]}
    sizes = ("mcp-core", "mcp-auth", "mcp-tools", "mcp-config")
    assert {name for name in sizes for urn in changed if name in urn} == {*sizes}
    # The alert on memory and its runbook state the sizes.
    stated = (*sizes, "observability-rules", "runbooks-pages")
    assert [urn for urn in changed if not any(name in urn for name in stated)] == []
    # The window still has the time in which it was throttled; all else fits.
    assert changes(as_json(clone, prometheus)).keys() == {"scaling.mcp-config.cpuLimit"}


def yaml_of(clone: Path, text: str) -> dict[str, Any]:
    copy = clone / "copy.yaml"
    copy.write_text(text)
    return read_stack_file(copy)


def graph_of(clone: Path) -> dict[str, Any]:
    graph = record_files(clone, read_stack_files(clone, "prod"))
    return {one.urn: one.inputs for one in graph.resources}


def test_what_would_break_a_rule_of_the_stack_is_refused(clone: Path, prometheus: str):
    text = _with_quota(clone, "37.3")
    status, shown, said = run(clone, prometheus, "--write")
    assert status == 1
    assert "kubernetes.quota.limitsCpu" in said
    assert "cpuLimit: 375m" in shown
    assert (clone / "Pulumi.prod.yaml").read_text() == text


def test_a_prometheus_that_does_not_answer_is_named(clone: Path):
    status, _, said = run(clone, f"http://127.0.0.1:{free_port()}")
    assert status == 1
    assert "does not answer" in said
