"""Outputs contain real addresses, and the record of a deployment contains no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.outputs import Deployed, DeploymentRecord, EntryService, resolved
from delivery.stack_identity import ROOT, StackIdentity

OUTPUTS = {
    "mcp_url": "https://address-of.qudag-mcp-dev.mcp-gateway-service/mcp",
    "era": "dual",
    "required_secrets": [{"name": "mcp-tls-secret"}],
}


def deployed() -> Deployed:
    return Deployed(
        outputs=OUTPUTS, cluster="context", context="mine", forwarded_service=("n", "s")
    )


def test_an_address_takes_the_place_of_its_token() -> None:
    entry = EntryService("qudag-mcp-dev", "mcp-gateway-service", "10.250.1.1")
    assert resolved(OUTPUTS, entry)["mcp_url"] == "https://10.250.1.1/mcp"


def test_without_an_address_the_url_is_the_local_end_of_a_forwarded_port() -> None:
    entry = EntryService("qudag-mcp-dev", "mcp-gateway-service", None)
    assert resolved(OUTPUTS, entry)["mcp_url"] == "https://localhost:8443/mcp"
    command = entry.forwarding(Kubectl(Path("kubectl"), "mine"))
    assert command[-2:] == ["service/mcp-gateway-service", "8443:443"]


def test_a_url_that_waits_for_nothing_stays() -> None:
    assert resolved({"mcp_url": "https://mcp.qudag.com/mcp"}, None) == {
        "mcp_url": "https://mcp.qudag.com/mcp"
    }


def test_a_deployment_record_survives_writing_and_reading(tmp_path: Path) -> None:
    deployed().write(tmp_path)
    assert Deployed.read(tmp_path, StackIdentity.of(ROOT, "dev")) == deployed()


def test_a_file_that_was_cut_off_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text('{"outputs": {')
    assert Deployed.find(tmp_path) is None


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"outputs": OUTPUTS, "cluster": "node", "context": "node", "since": 7}, True),
        ({"outputs": OUTPUTS, "where": "node"}, False),
        (["node"], False),
    ],
)
def test_records_of_other_versions_are_read_without_unknown_fields(
    tmp_path: Path, written: object, *, found: bool
) -> None:
    (tmp_path / "outputs.json").write_text(json.dumps(written))
    assert (Deployed.find(tmp_path) is not None) is found


def test_where_another_versions_up_went_is_known(tmp_path: Path) -> None:
    said = {"engine": "kubectl", "cluster": "node", "context": "node", "revision": "abc"}
    (tmp_path / "begun.json").write_text(json.dumps(said))
    assert DeploymentRecord.find(tmp_path) == DeploymentRecord("kubectl", "node", "node")
    (tmp_path / "begun.json").write_text('{"engine": "kubectl"}')
    assert DeploymentRecord.find(tmp_path) is None


def test_a_stack_that_is_not_up_says_how_to_bring_it_up(tmp_path: Path) -> None:
    with pytest.raises(ProblemReport) as report:
        Deployed.read(tmp_path, StackIdentity.of(ROOT, "staging"))
    assert report.value.problems[0].fix == "make up STACK=staging"


def test_a_deployment_record_requests_the_same_cluster() -> None:
    assert deployed().request == "context:mine"


def test_public_outputs_omit_internal_ones() -> None:
    assert "required_secrets" not in deployed().public()
