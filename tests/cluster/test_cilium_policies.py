"""A real API server with Cilium's CRD admits the policies for hosts outside, and keeps them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.party import Flow, Outside
from tests.harness.apiserver import ApiServer, crds_folder, documents

CILIUM: Final = "github.com/cilium/cilium@v1.19.0"
CRD: Final = "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml"
NAMESPACE: Final = "cilium-policies"


def program() -> None:
    LockedNamespace("servers", LockedNamespaceArgs(name=NAMESPACE))
    FlowPolicies(
        "flows",
        FlowPoliciesArgs(
            namespace=NAMESPACE,
            workloads=["weather", "notes"],
            flows=[Flow(source="weather", target="archive", port=443, why="files")],
            outsides=[Outside(name="archive", cidrs=["10.1.2.0/24"])],
            api_server=["10.96.0.1/32", "fd00:10:96::1/128"],
            hosts={
                "weather": ["api.weather.gov:443", "maps.example.com:8443"],
                "notes": ["api.example.com:443"],
            },
        ),
    )


def _crd() -> Path:
    """The CRD from ``CRDS_DIR``, or from Cilium's own module, which Go downloads (35 MB)."""
    given = crds_folder()
    for file in sorted(given.glob("cilium*.yaml")) if given else []:
        return file
    fetched = subprocess.run(
        ["go", "mod", "download", "-json", CILIUM],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if fetched.returncode:
        pytest.skip(f"no cilium.yaml in CRDS_DIR, and {CILIUM} cannot be downloaded")
    return Path(json.loads(fetched.stdout)["Dir"]) / CRD


@pytest.fixture(scope="module")
def applied(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> ApiServer:
    crds = tmp_path_factory.mktemp("crds")
    shutil.copy(_crd(), crds / "cilium.yaml")
    api_server.apply_crds(crds)
    first = api_server.apply(documents(program))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server


def test_policies_for_hosts_are_admitted_and_a_second_apply_changes_nothing(
    applied: ApiServer,
) -> None:
    found = applied.kubectl("-n", NAMESPACE, "get", "ciliumnetworkpolicies", "-o", "json")
    named = {each["metadata"]["name"] for each in json.loads(found.stdout)["items"]}
    assert named == {"weather-hosts", "notes-hosts"}
    assert applied.differences(documents(program)) == ""


@pytest.mark.parametrize(
    ("written", "broken"),
    [
        ("toFQDNs", "toFqdns"),
        ("matchName: api.example.com", "matchName: api example com"),
        ("protocol: ANY", "protocol: TLS"),
        ("toCIDRSet", "toCidrSet"),
    ],
)
def test_the_api_server_reads_what_the_policies_say(
    applied: ApiServer, written: str, broken: str
) -> None:
    """A misspelled field is refused: the API server checks the fields."""
    text = documents(program)
    assert written in text
    assert applied.apply(text.replace(written, broken)).returncode != 0
