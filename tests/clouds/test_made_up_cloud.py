"""A further cloud is one folder, one rule file, one target file and one row; nothing else changes.

Nimbus, a cloud that does not exist, is added to a copy of the repository. Its files are in the
folder ``nimbus``, each under the path that it gets there, with ``.txt`` at the end. Its SDK, in the
form in which Pulumi generates them, is installed next to the copy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.containers import ROOT

pytestmark = pytest.mark.slow

FILES = Path(__file__).parent / "nimbus"
PARTS = (
    *("__main__.py", "Pulumi.yaml", "archives", "components", "delivery"),
    *("graph", "policies", "review", "runtime", "stacks"),
)
LAST_ROW = '    Cloud("azure", "Azure", "azure-native"),\n'
ROW = '    Cloud("nimbus", "Nimbus", "nimbus"),\n'
TOUCHED = [
    "Pulumi.nimbus.yaml",
    "components/clouds.py",
    "components/nimbus/__init__.py",
    "components/nimbus/container.py",
    "components/nimbus/facts.py",
    "policies/rules/nimbus.py",
    "stacks/targets/nimbus.py",
]
_GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.com"]
_CREDENTIALS = """
import sys
from pathlib import Path
from components.base.problems import ProblemReport
from delivery.credentials import refuse_without_credentials
from graph.programs import record_stack
try:
    graph, nowhere = record_stack(Path.cwd(), "nimbus"), Path("/nonexistent")
    refuse_without_credentials(graph, environment={}, home=nowhere, vendor=nowhere)
except ProblemReport as report:
    sys.exit(str(report))
"""
_STORED_SHAPES = "from graph import sdk_types; print(getattr(sdk_types, '_kept_in')())"


@dataclass(frozen=True)
class Repository:
    """The copy, with Nimbus in it and committed."""

    root: Path
    sdk: Path

    def run(self, *arguments: str, sdk: bool = True) -> subprocess.CompletedProcess[str]:
        """Python in the copy, with the SDK of Nimbus installed or not."""
        path = [str(self.root), *([str(self.sdk)] if sdk else [])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def preview(self, *arguments: str, sdk: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "delivery", "preview", "--stack", "nimbus", *arguments, sdk=sdk)

    def git(self, *arguments: str) -> str:
        run = [*_GIT, "-C", str(self.root), *arguments]
        return subprocess.run(run, check=True, capture_output=True, text=True).stdout

    def refusal(self, old: str, new: str) -> str:
        """What preview says of the stack file with a text in it replaced."""
        run = self.changed(old, new)
        assert run.returncode == 1, run.stdout
        assert "Traceback" not in run.stderr
        return run.stdout + run.stderr

    def changed(self, old: str, new: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Preview of the stack file with a text in it replaced."""
        file = self.root / "Pulumi.nimbus.yaml"
        written = file.read_text()
        assert old in written
        file.write_text(written.replace(old, new))
        try:
            return self.preview(*arguments)
        finally:
            file.write_text(written)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    made = Repository(tmp_path_factory.mktemp("nimbus"), tmp_path_factory.mktemp("sdk"))
    for part in PARTS:
        copying = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copying(ROOT / part, made.root / part)
    (made.root / ".gitignore").write_text("__pycache__/\nout/\n.venv\n")
    (made.root / ".venv").symlink_to(sys.prefix)
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("add", ".")
    made.git("commit", "--quiet", "--message", "before")
    for file in FILES.rglob("*.txt"):
        inside = file.relative_to(FILES).with_suffix("")
        of_sdk = inside.parts[0] == "sdk"
        to = made.sdk / inside.relative_to("sdk") if of_sdk else made.root / inside
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, to)
    row = made.root / "components" / "clouds.py"
    assert LAST_ROW in row.read_text()
    row.write_text(row.read_text().replace(LAST_ROW, LAST_ROW + ROW))
    made.git("add", ".")
    made.git("commit", "--quiet", "--message", "nimbus: add the cloud")
    stored = {Path(made.run("-c", _STORED_SHAPES, sdk=sdk).stdout.strip()) for sdk in (True, False)}
    yield made
    for file in stored:
        file.unlink(missing_ok=True)


def test_a_cloud_is_one_folder_one_rule_file_one_target_file_and_one_row(repository: Repository):
    changed = repository.git("diff", "--name-only", "HEAD~1").split()
    assert sorted(changed) == sorted(TOUCHED)
    assert repository.git("diff", "--numstat", "HEAD~1", "--", "components/clouds.py").split() == [
        *("1", "0", "components/clouds.py")
    ]


def test_contributing_names_these_files():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    section = page.partition("## Add a cloud\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    paths = [name.replace("<cloud>", "nimbus").replace("<stack>", "nimbus") for name in named]
    assert [file for file in TOUCHED if not file.startswith(tuple(paths))] == []
    assert [path for path in paths if not any(file.startswith(path) for file in TOUCHED)] == []


def test_preview_shows_the_stack_and_the_predicted_outputs(repository: Repository):
    run = repository.preview()
    assert run.returncode == 0, run.stdout + run.stderr
    assert "https://tools.north.nimbus.example/mcp" in run.stdout
    assert "nimbus-container" in run.stdout


def test_a_bad_name_is_refused_with_the_clouds_document(repository: Repository):
    said = repository.refusal("title: tools", "title: Tools_1")
    assert "nimbus-container-service.name" in said
    assert "Nimbus Handbook, Names of services" in said


def test_a_limit_is_kept_with_the_clouds_document(repository: Repository):
    said = repository.refusal("    jwksUrl:", "    longestToolSeconds: 900\n    jwksUrl:")
    assert "qudag-mcp:containers.nimbus (config.budget)" in said
    assert "Nimbus Handbook, Limits" in said


def test_its_rule_file_is_applied(repository: Repository):
    said = repository.refusal("disk: 10", "disk: 10\n      encrypted: false")
    assert "nimbus-container-volume.encrypted" in said
    assert "files are stored unencrypted" in said


def test_a_rule_between_its_sections_is_applied(repository: Repository):
    said = repository.refusal("region: north", "region: south")
    assert "qudag-mcp:containers.nimbus.zone" in said
    assert "write a" in said


def test_an_unknown_key_is_refused_with_the_nearest_one(repository: Repository):
    said = repository.refusal("disk: 10", "disc: 10")
    assert "qudag-mcp:containers.nimbus.disc" in said
    assert "write disk" in said


def test_a_property_that_replaces_is_shown_as_replacement_and_its_data_as_a_risk(
    repository: Repository,
):
    run = repository.changed("zone: b", "zone: a", "--base", "HEAD")
    assert run.returncode == 0, run.stdout + run.stderr
    said = " ".join(run.stdout.split())
    assert "may lose the files on it: zone cannot be updated in place" in said
    assert "2 replaced" in said or "2 to replace" in said, said


def test_deleting_a_type_that_holds_data_is_shown_as_a_risk(repository: Repository):
    run = repository.changed("      disk: 10\n", "", "--base", "HEAD")
    said = " ".join(run.stdout.split())
    assert "and with it the files on it" in said


def test_credentials_are_asked_for(repository: Repository):
    run = repository.run("-c", _CREDENTIALS)
    assert run.returncode == 1
    assert "qudag-mcp:clouds.nimbus: is set, and this machine has no credentials" in run.stderr
    assert "nimbus login" in run.stderr


def test_a_cloud_whose_sdk_is_not_installed_is_refused(repository: Repository):
    run = repository.preview(sdk=False)
    said = run.stdout + run.stderr
    assert run.returncode == 1
    assert "Traceback" not in said
    assert "pulumi-nimbus" in said
    assert "is not installed" in said
    assert "pulumi_qudag_mcp[nimbus]" in said


def test_a_misspelt_property_is_found_with_its_sdk(repository: Repository):
    component = repository.root / "components" / "nimbus" / "container.py"
    written = component.read_text()
    component.write_text(written.replace('"timeoutSeconds"', '"timeoutSecond"'))
    try:
        run = repository.preview()
    finally:
        component.write_text(written)
    assert run.returncode == 1
    assert "write timeoutSeconds" in run.stdout + run.stderr
