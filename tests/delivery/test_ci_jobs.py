"""The GitHub Action and the GitLab jobs: their steps run here against a local repository."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.base.versions import VERSIONS
from tests.harness.conformance_suite import MACHINES
from tests.harness.pull_requests import Forge, serving

ROOT: Final = Path(__file__).resolve().parents[2]
ACTION: Final = ROOT / "ci/github/action.yml"
CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
ACTIONLINT: Final = CACHE / "actionlint/v1.7.12/actionlint"
MODULES: Final = CACHE / "gitlab-ci/node_modules"
GITLAB: Final = MODULES / "gitlab-ci-local/dist/index.js"
NODE: Final = MODULES / f"node-linux-{MACHINES.get(platform.machine(), 'x64')}/bin/node"
COMMAND: Final = ("ci", "components", "delivery", "graph", "policies", "review", "pyproject.toml")
"""What of this checkout the command consists of."""
PROGRAM: Final = """
import pulumi
class Thing(pulumi.CustomResource):
    def __init__(self, name, **inputs):
        super().__init__("acme:index:Thing", name, inputs)
Thing("first", size=SIZE)
"""
RSYNC: Final = CACHE / "rsync/usr"
HOSTILE: Final = "x\"; touch $PWD/bad; $(touch bad)`touch bad`'${{ github.token }}"
"""A name that a shell would execute."""


def git(folder: Path, *arguments: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Repository:
    """A clone as actions/checkout leaves it: the merge of a pull request into main.

    Attributes:
        base: the commit of main that it was merged into.
        known: the commit of main when the pull request was opened, as the event names it.
    """

    folder: Path
    base: str
    head: str
    known: str


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    program = folder / "__main__.py"
    program.write_text(PROGRAM.replace("SIZE", "1"))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    started = git(folder, "rev-parse", "HEAD")
    (folder / "README.md").write_text("of another pull request\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "main goes on")
    git(folder, "checkout", "-q", "-b", "change", started)
    program.write_text(PROGRAM.replace("SIZE", "2"))
    git(folder, "commit", "-qam", "change")
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "--detach", "main")
    git(folder, "merge", "-q", "--no-ff", "-m", "merge", "change")
    return Repository(folder, base=git(folder, "rev-parse", "main"), head=head, known=started)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's temporary folder after the step Install."""
    temporary = tmp_path_factory.mktemp("runner")
    done = run(step("Install"), ROOT, {"RUNNER_TEMP": str(temporary)})
    if done.returncode and re.search(r"No matching distribution|Connection|resolve", done.stderr):
        pytest.skip("the package index is not reached")
    assert done.returncode == 0, done.stderr
    return temporary


def steps() -> list[dict[str, Any]]:
    return yaml.safe_load(ACTION.read_text())["runs"]["steps"]


def step(name: str) -> str:
    return next(one for one in steps() if one["name"] == name)["run"]


def run(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A step as the runner starts it."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH",)}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=clean | {"GITHUB_ACTION_PATH": str(ACTION.parent)} | dict(env),
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass
class Runner:
    """Executes the steps of the Action with their variables and outputs."""

    repository: Repository
    forge: Forge
    temporary: Path
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    failed: bool = False
    printed: str = ""

    def go(self) -> None:
        stated = yaml.safe_load(ACTION.read_text())["inputs"]
        self.inputs = {k: str(v.get("default", "")) for k, v in stated.items()} | self.inputs
        event = self.temporary / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7}}))
        for one in steps():
            if "run" not in one or one["name"] == "Install":
                continue
            wanted = "if" not in one and not self.failed
            if one.get("if") == "${{ !cancelled() && inputs.comment == 'true' }}":
                wanted = self.inputs["comment"] == "true"
            if wanted:
                self._run(one, event)

    def _run(self, one: dict[str, Any], event: Path) -> None:
        written = self.temporary / "output"
        written.write_text("")
        env = {name: self._value(text) for name, text in one["env"].items()} | {
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_OUTPUT": str(written),
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary"),
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_API_URL": self.forge.address,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "99",
            "VIRTUAL_ENV": str(ROOT / ".venv"),
        }
        done = run(one["run"], self.repository.folder, env)
        self.printed += done.stdout + done.stderr
        self.failed = self.failed or done.returncode != 0
        for line in written.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{one['id']}.outputs.{name}"] = value

    def _value(self, text: str) -> str:
        known = {
            "github.event.pull_request.base.sha": self.repository.known,
            "github.event.pull_request.head.sha": self.repository.head,
            "github.token": "token-of-the-job",
            "github.server_url": "https://github.example",
            "github.action_repository": "acme/qudag-mcp",
            "github.action_ref": "0" * 40,
            **{f"inputs.{name}": value for name, value in self.inputs.items()},
            **self.outputs,
        }

        def replaced(found: re.Match[str]) -> str:
            return known[found[1]]

        first = re.sub(r"\$\{\{ ([\w.-]+) \}\}", replaced, text)
        return re.sub(r"\$\{\{ (github\.token) \}\}", replaced, first)


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(Forge(me=None)) as found:
        yield found


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


@pytest.fixture
def command(tmp_path: Path) -> tuple[Path, str]:
    """A repository with the command of this checkout, and its commit."""
    folder = tmp_path / "qudag-mcp"
    for name in COMMAND:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        (folder).mkdir(exist_ok=True)
        copy(source, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "command")
    return folder, git(folder, "rev-parse", "HEAD")


@pytest.mark.slow
def test_gitlab_accepts_the_jobs_for_merge_requests_only(tmp_path: Path):
    if not NODE.is_file():
        pytest.skip("no gitlab-ci-local: get it with tools/ci-checks")
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "https://gitlab.example.com/acme/shop.git")
    shutil.copy(ROOT / "ci/gitlab/preview.yml", tmp_path / ".gitlab-ci.yml")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "jobs")

    def listed(source: str) -> str:
        done = subprocess.run(
            [str(NODE), str(GITLAB), "--list", "--variable", f"CI_PIPELINE_SOURCE={source}"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "json schema validated" in done.stdout + done.stderr
        return done.stdout

    for name in ("qudag-mcp-preview", "qudag-mcp-comment"):
        assert name in listed("merge_request_event")
        assert name not in listed("push")


@pytest.mark.slow
def test_the_gitlab_jobs_preview_and_comment(
    repository: Repository, forge: Forge, command: tuple[Path, str]
):
    if not NODE.is_file() or not (shutil.which("rsync") or (RSYNC / "bin/rsync").is_file()):
        pytest.skip("no gitlab-ci-local or no rsync: get them with tools/ci-checks")
    forge.me = "preview-bot"
    # Without the image, in whose place this machine is.
    stated = (ROOT / "ci/gitlab/preview.yml").read_text()
    (repository.folder / "jobs.yml").write_text(re.sub(r"(?m)^  image: .*\n", "", stated))
    (repository.folder / ".gitlab-ci.yml").write_text("include:\n  - local: jobs.yml\n")
    git(repository.folder, "remote", "add", "origin", "https://gitlab.example.com/acme/shop.git")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "-qm", "jobs")
    variables = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": repository.base,
        "CI_API_V4_URL": forge.address,
        "CI_PROJECT_ID": "42",
        "GITLAB_TOKEN": "secret",
        "QUDAG_MCP_REPOSITORY": str(command[0]),
        "QUDAG_MCP_COMMIT": command[1],
        "VIRTUAL_ENV": str(ROOT / ".venv"),
    }
    arguments = [
        part for key, text in variables.items() for part in ("--variable", f"{key}={text}")
    ]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if not shutil.which("rsync"):
        clean["PATH"] += f":{RSYNC}/bin"
        clean["LD_LIBRARY_PATH"] = ":".join(map(str, (RSYNC / "lib").glob("*-linux-gnu")))

    def jobs() -> None:
        done = subprocess.run(
            [str(NODE), str(GITLAB), "--force-shell-executor", *arguments,
             "qudag-mcp-preview", "qudag-mcp-comment"],
            cwd=repository.folder, env=clean, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    jobs()
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- qudag-mcp preview: shop/dev -->\n")
    assert "1 changed" in comment["body"]
    jobs()
    assert [method for method, _, _ in forge.requests].count("PUT") == 1
    assert len(forge.comments) == 1
