"""If rules refuse a program, the report is written and the command fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from delivery.cli import app
from graph.resource_graph import ResourceGraph
from policies.checked_program import CheckedStack, judged
from review.diff import diff
from review.preview import Comparison
from review.report import html, markdown, terminal
from review.report import json as json_report
from review.risk import risks
from tests.harness.checkouts import Checkout
from tests.policies.corpus import Case, cases

EVERYONE = """
everyone = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"
    },
    "subjects": [{"kind": "Group", "name": "system:unauthenticated"}],
}
pulumi.CustomResource(
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "everyone", everyone
)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "clone")
    made.commit()
    program = made.root / "__main__.py"
    program.write_text(program.read_text() + EVERYONE)
    made.say("changed")
    return made


def run(checkout: Checkout, *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["preview", "-C", str(checkout.root), *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tree", "markdown", "html"])
def test_a_refused_change_is_shown_with_the_refusal_first(checkout: Checkout, form: str):
    status, shown, said = run(checkout, "--base", "HEAD", "--format", form)
    assert status == 1
    assert "k8s-rbac-001" in said
    assert "is refused" in shown
    assert "greeting" in shown
    assert shown.index("is refused") < shown.index("greeting")


@pytest.mark.slow
def test_a_refused_stack_is_shown_without_a_base_too(checkout: Checkout):
    status, shown, said = run(checkout, "--format", "json")
    document = json.loads(shown)
    assert status == 1
    assert "k8s-rbac-001" in said
    assert (
        document["risks"][0] | {"class": "is refused", "rule": "k8s-rbac-001"}
        == (document["risks"][0])
    )
    assert document["kinds"] == {"ClusterRoleBinding": 1, "ConfigMap": 1}


@pytest.mark.slow
def test_files_of_a_refused_change_contain_the_report(checkout: Checkout, tmp_path: Path):
    out = tmp_path / "change.md"
    status, _, _ = run(checkout, "--base", "HEAD", "--out", str(out))
    assert status == 1
    assert "is refused" in out.read_text()
    assert "hello" in out.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("case", [*cases("dangerous")], ids=lambda case: case.name)
def test_every_form_shows_every_dangerous_graph(case: Case, tmp_path: Path):
    """What rules find may be of a form that no resource of the SDK has."""
    found = judged(case.graph, tmp_path, strict=True)
    checked = CheckedStack(graph=case.graph, findings=found)
    change = diff(ResourceGraph(project="acme", stack="prod"), case.graph)
    comparison = Comparison(
        base="main", commit="0" * 40, diff=change, risks=risks(change, found), findings=found
    )
    for form in (markdown, html, json_report, terminal):
        for report in (
            form.inventory(checked.graph, checked.findings),
            form.comparison(comparison),
        ):
            written = report if isinstance(report, str) else _printed(report)
            assert "is refused" in written
            assert case.rule in written


def _printed(report: object) -> str:
    console = Console(width=100_000, highlight=False)
    with console.capture() as captured:
        console.print(report)
    return captured.get()
