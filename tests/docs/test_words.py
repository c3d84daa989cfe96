"""Words that the project replaced by the field's own terms do not come back."""

from __future__ import annotations

import subprocess
from typing import Final

from tools.docs import ROOT

REPLACED: Final = r"\bd[o]ors?\b|f[o]retold|\bcr[o]wd\b"
"""The brackets keep this file from matching its own pattern."""

REMAINING: Final = frozenset(
    {
        "README.md",
        "components/aws/container.py",
        "components/aws/container_checks.py",
        "components/aws/function.py",
        "components/aws/function_endpoints.py",
        "components/aws/load_balancer.py",
        "components/azure/container_args.py",
        "components/azure/function.py",
        "components/gcp/checks.py",
        "components/kubernetes/core.py",
        "components/kubernetes/gateway.py",
        "components/mcp/server_config.py",
        "delivery/deploy.py",
        "delivery/outputs.py",
        "docs/adr/0015-cloud-resources-in-wire-form.md",
        "docs/components/README.md",
        "docs/components/azure-container.md",
        "docs/components/core.md",
        "docs/components/gateway.md",
        "docs/reference/hosts.md",
        "docs/reference/preview.md",
        "examples/gateway/__main__.py",
        "examples/several/__main__.py",
        "policies/rules/resources_outside_components.py",
        "policies/rules/timeouts.py",
        "review/risks/exposure.py",
        "tests/artifacts/conftest.py",
        "tests/artifacts/test_gateway_traffic.py",
        "tests/artifacts/test_nginx.py",
        "tests/artifacts/test_nginx_limits.py",
        "tests/components/aws/test_ecs_fargate.py",
        "tests/components/aws/test_ecs_fargate_refusals.py",
        "tests/components/base/test_naming.py",
        "tests/components/kubernetes/test_gateway.py",
        "tests/components/kubernetes/test_workload.py",
        "tests/components/test_every_component.py",
        "tests/delivery/test_outputs.py",
        "tests/delivery/test_pending_operations.py",
        "tests/e2e/services/test_flows_on_pods.py",
        "tests/e2e/test_verify_platform.py",
        "tests/graph/test_record.py",
        "tests/harness/hosts.py",
        "tests/harness/lambda_service.py",
        "tests/harness/nginx_gateway.py",
        "tests/policies/broken_aws.yaml",
        "tests/programs/golden/prod.txt",
        "tests/review/golden/comparison.json",
        "tests/review/golden/comparison.md",
        "tests/review/golden/comparison.txt",
        "tests/review/golden/inventory.json",
        "tests/review/golden/inventory.md",
        "tests/review/golden/inventory.txt",
        "tests/review/platform.py",
        "tests/review/test_diff.py",
        "tests/review/test_risk_capacity.py",
        "tests/review/test_risk_exposure.py",
        "tests/runtime/test_conformance.py",
    }
)
"""Files in which a replaced word may still occur. Only ever remove a line."""


def files_with(pattern: str) -> set[str]:
    """The tracked files that ``pattern`` occurs in, in upper or lower case."""
    found = subprocess.run(
        ["git", "grep", "-liE", pattern],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert found.returncode in {0, 1}, found.stderr
    return set(found.stdout.splitlines())


def test_replaced_words_occur_in_no_other_file() -> None:
    assert sorted(files_with(REPLACED) - REMAINING) == []


def test_a_word_that_is_there_is_found() -> None:
    assert "tests/docs/test_words.py" in files_with("REPL[A]CED")
