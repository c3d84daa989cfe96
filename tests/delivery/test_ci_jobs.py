"""The GitHub Action: its steps run here against a local repository."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from components.base.versions import VERSIONS
from tests.harness.preview_jobs import (
    ACTION,
    CACHE,
    ROOT,
    Repository,
    Runner,
    git,
    run,
    step,
    steps,
)
from tests.harness.pull_requests import Forge

ACTIONLINT: Final = CACHE / "actionlint/v1.7.12/actionlint"
HOSTILE: Final = "x\"; touch $PWD/bad; $(touch bad)`touch bad`'${{ github.token }}"
"""A name that a shell would execute."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's temporary folder after the step Install."""
    temporary = tmp_path_factory.mktemp("runner")
    done = run(step("Install"), ROOT, {"RUNNER_TEMP": str(temporary)})
    if done.returncode and re.search(r"No matching distribution|Connection|resolve", done.stderr):
        pytest.skip("the package index is not reached")
    assert done.returncode == 0, done.stderr
    return temporary


def test_no_step_writes_an_expression_into_its_script():
    for one in steps():
        assert "${{" not in one.get("run", ""), one["name"]


def test_the_step_that_runs_the_program_has_no_token():
    for one in steps():
        if one["name"] != "Comment":
            assert "token" not in json.dumps(one.get("env", {}))


def test_everything_that_is_used_is_pinned_by_a_commit_or_a_digest():
    workflow = (ROOT / "ci/github/example-workflow.yml").read_text()
    used = re.findall(r"uses: (\S+)@(\S+)", ACTION.read_text() + workflow)
    assert len(used) >= 3
    for name, commit in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit) or name.startswith("OWNER/"), name
    job = yaml.safe_load((ROOT / "ci/gitlab/preview.yml").read_text())[".qudag-mcp"]
    assert job["image"] == VERSIONS["images"]["python"]


def test_the_page_shows_the_examples_that_are_tested_here():
    page = (ROOT / "docs/how-to/preview-pull-requests.md").read_text()
    for example in ("github/example-workflow.yml", "gitlab/example.yml"):
        assert f"```yaml\n{(ROOT / 'ci' / example).read_text()}```" in page
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    assert [name for name in inputs if f"| `{name}` |" not in page] == []


def test_the_job_installs_what_the_wheel_of_the_command_needs():
    import tomllib

    wheel = tomllib.loads((ROOT / "command/pyproject.toml").read_text())["project"]
    listed = (ROOT / "ci/requirements.in").read_text().splitlines()
    assert sorted(line for line in listed if not line.startswith("#")) == sorted(
        wheel["dependencies"]
    )


@pytest.mark.slow
def test_a_pull_request_gets_one_comment_that_the_next_run_updates(
    repository: Repository, forge: Forge, installed: Path
):
    runner = Runner(repository, forge, installed, {"stack": "dev"})
    runner.go()
    assert not runner.failed, runner.printed
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- qudag-mcp preview: shop/dev -->\n")
    assert "1 changed" in comment["body"]
    assert repository.base[:12] in comment["body"], "compared with the target branch"
    assert "actions/runs/99" in comment["body"]
    folder = Path(runner.outputs["steps.preview.outputs.folder"])
    assert {file.name for file in folder.iterdir()} == {
        "preview.html",
        "preview.md",
        "preview.json",
    }
    assert "1 changed" in (installed / "summary").read_text()
    Runner(repository, forge, installed, {"stack": "dev"}).go()
    assert len(forge.comments) == 1
    assert [method for method, _, _ in forge.requests].count("PATCH") == 1
    assert {token for _, _, token in forge.requests} == {"Bearer token-of-the-job"}


@pytest.mark.slow
def test_a_pull_request_of_a_fork_has_its_report_without_a_comment(
    repository: Repository, forge: Forge, installed: Path
):
    forge.writes = False
    runner = Runner(repository, forge, installed, {"stack": "dev"})
    runner.go()
    assert not runner.failed, runner.printed
    assert "not posted" in runner.printed
    assert "1 changed" in (installed / "summary").read_text()


@pytest.mark.slow
def test_shell_commands_in_branch_and_stack_names_are_not_executed(
    repository: Repository, forge: Forge, installed: Path
):
    inputs = {"stack": HOSTILE, "folder": HOSTILE, "base": HOSTILE, "strict": HOSTILE}
    runner = Runner(repository, forge, installed, inputs)
    runner.go()
    assert runner.failed
    assert list(repository.folder.rglob("bad")) == []
    (comment,) = forge.comments
    assert re.match(r"<!-- qudag-mcp preview: [\w./-]+ -->\n", comment["body"])
    assert "refused" in comment["body"]


@pytest.mark.slow
def test_a_program_that_fails_fails_the_job(repository: Repository, forge: Forge, installed: Path):
    (repository.folder / "__main__.py").write_text("import nowhere\n")
    runner = Runner(repository, forge, installed, {"stack": "dev"})
    runner.go()
    assert runner.failed
    assert "nowhere" in runner.printed
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- qudag-mcp preview: shop/dev -->\n")
    assert "refused" in comment["body"]


@pytest.mark.slow
def test_actionlint_accepts_the_action_and_the_example(tmp_path: Path):
    if not ACTIONLINT.is_file():
        pytest.skip("no actionlint: get it with tools/ci-checks")
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    git(tmp_path, "init", "-q")
    shutil.copytree(ACTION.parent, tmp_path / "ci/github")
    example = (ROOT / "ci/github/example-workflow.yml").read_text()
    local = example.replace("OWNER/qudag-mcp/ci/github@COMMIT", "./ci/github")
    assert local != example
    (workflows / "preview.yml").write_text(local)

    def lint() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ACTIONLINT), "-no-color"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done := lint()).returncode == 0, done.stdout
    (workflows / "preview.yml").write_text(local.replace("stack: prod", "stak: prod"))
    assert "stak" in lint().stdout
