"""The API server admits the objects of `observability.kind: operator`, strictly and only once.

No operator runs: this shows that the objects have the form of its definitions.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from delivery.render import render
from tests.cluster.test_manifests import APPLY
from tests.harness.apiserver import ApiServer
from tests.harness.monitored_stacks import stack

GROUP = "monitoring.coreos.com"


@pytest.fixture(scope="module", params=["microservices", "cloudnative-pg"])
def applied(
    request: pytest.FixtureRequest,
    api_server_with_crds: ApiServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ApiServer, Path]:
    folder = tmp_path_factory.mktemp("observability")
    database = "cloudnative-pg" if request.param == "cloudnative-pg" else ""
    render(stack("microservices", database=database), folder)
    wanted = folder / "monitoring"
    wanted.mkdir()
    for file in (folder / "manifests").iterdir():
        made = yaml.safe_load(file.read_text())
        if made["kind"] == "Namespace" or made["apiVersion"].startswith(GROUP):
            (wanted / file.name).write_text(file.read_text())
    first = api_server_with_crds.kubectl(*APPLY, "-f", str(wanted))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server_with_crds, wanted


def test_a_second_apply_changes_nothing(applied: tuple[ApiServer, Path]):
    server, wanted = applied
    found = server.kubectl(
        "diff", "--server-side", "--field-manager=test-manifests", "-f", str(wanted)
    )
    assert (found.returncode, found.stdout) == (0, "")
    assert sum("kind: PodMonitor" in file.read_text() for file in wanted.iterdir()) > 2
