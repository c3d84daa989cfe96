"""A preview against another commit of a real git repository."""

from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from graph.programs import ProgramFailed, record_stack
from review.checkout import resolve
from review.diff import Action
from review.preview import compare
from tests.harness.checkouts import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "clone")
    made.commit("first")
    return made


def test_a_missing_folder_is_reported_as_not_in_a_git_repository(tmp_path: Path):
    with pytest.raises(ProblemReport, match="not in a git repository"):
        resolve(tmp_path / "nowhere", "HEAD")


def test_exactly_what_changed_since_the_base_is_found(checkout: Checkout):
    base = checkout.git("rev-parse", "HEAD").strip()
    checkout.say("good morning")
    found = compare(checkout.root, "dev", "HEAD")
    (change,) = found.diff.changes
    assert change.resource.name == "greeting"
    assert [(one.path, one.old, one.new) for one in change.properties] == [
        ("data.text", "hello", "good morning")
    ]
    assert found.commit == base


def test_a_tag_a_branch_and_a_short_id_are_bases_too(checkout: Checkout):
    checkout.git("tag", "v1")
    checkout.git("branch", "release")
    commit = checkout.git("rev-parse", "HEAD").strip()
    checkout.say("changed")
    checkout.commit()
    for base in ("v1", "release", commit[:8], "HEAD~1"):
        assert resolve(checkout.root, base) == commit


def test_the_bases_configuration_is_its_own(checkout: Checkout):
    checkout.write("Pulumi.dev.yaml", "config:\n  greeter:size:\n    pods: 5\n")
    (output,) = compare(checkout.root, "dev", "HEAD").diff.outputs
    assert (output.path, output.old, output.new) == ("size", 2, 5)


def test_a_stack_that_the_base_did_not_have_is_all_new(checkout: Checkout):
    checkout.write("Pulumi.prod.yaml", "config:\n  size: {pods: 9}\n")
    found = compare(checkout.root, "prod", "HEAD")
    assert {change.action for change in found.diff.changes} == {Action.ADD}
    notice = found.diff.after.notices[0]
    assert (notice.subject, notice.what) == (
        "Pulumi.prod.yaml",
        "HEAD has no such stack: every resource is shown as added",
    )
    assert not compare(checkout.root, "dev", "HEAD").diff.after.notices


def test_the_working_tree_is_left_as_it_was(checkout: Checkout, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    checkout.say("uncommitted")
    compare(checkout.root, "dev", "HEAD")
    assert "greeting.py" in checkout.git("status", "--porcelain")
    assert "__pycache__" not in checkout.git("status", "--porcelain")


def test_a_program_in_a_folder_of_the_repository_is_compared_with_itself(tmp_path: Path):
    whole = Checkout(tmp_path / "whole")
    inner = whole.root / "infra"
    inner.mkdir()
    for file in list(whole.root.glob("[!.i]*.*")):
        file.rename(inner / file.name)
    whole.commit()
    (inner / "greeting.py").write_text("TEXT = 'moved'\n")
    assert len(compare(inner, "dev", "HEAD").diff.changes) == 1


def refused(checkout: Checkout, base: str) -> str:
    with pytest.raises(ProblemReport) as report:
        compare(checkout.root, "dev", base)
    return str(report.value)


def test_a_base_that_does_not_exist_names_the_nearest(checkout: Checkout):
    checkout.git("branch", "release-2")
    assert "did you mean release-2?" in refused(checkout, "relese-2")


def test_a_base_that_looks_like_an_option_is_only_a_bad_name(checkout: Checkout):
    assert "no commit has this name" in refused(checkout, "--output=/tmp/x")


def test_a_shallow_clone_says_how_to_get_the_rest(checkout: Checkout, tmp_path: Path):
    checkout.say("second")
    checkout.commit()
    shallow = tmp_path / "shallow"
    checkout.git("clone", "--quiet", "--depth=1", f"file://{checkout.root}", str(shallow))
    with pytest.raises(ProblemReport, match="git fetch --unshallow"):
        compare(shallow, "dev", "HEAD~1")


def test_outside_a_repository_there_is_no_base(tmp_path: Path):
    with pytest.raises(ProblemReport, match="not in a git repository"):
        compare(tmp_path, "dev", "HEAD")


def test_without_git_it_says_so(checkout: Checkout, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "install git" in refused(checkout, "HEAD")


def test_a_base_without_a_program_is_named(checkout: Checkout):
    checkout.git("rm", "--quiet", "--cached", "__main__.py")
    checkout.git("commit", "--quiet", "--message", "no program")
    assert "the commit contains no Pulumi program" in refused(checkout, "HEAD")


def test_a_base_whose_program_fails_says_why(checkout: Checkout):
    checkout.say("x")
    checkout.write("greeting.py", "raise KeyError('no greeting')\n")
    checkout.commit()
    checkout.say("fine again")
    report = refused(checkout, "HEAD")
    assert "KeyError: 'no greeting'" in report
    assert "Traceback" not in report


@pytest.mark.slow
def test_errors_of_a_program_in_another_folder_are_reported(checkout: Checkout):
    checkout.write("greeting.py", "import sys; sys.exit('closed today')\n")
    with pytest.raises(ProgramFailed, match="closed today"):
        record_stack(checkout.root, "dev")


@pytest.mark.slow
def test_a_program_that_kills_its_process_is_reported_with_its_status(checkout: Checkout):
    checkout.write("greeting.py", "import os; os._exit(7)\n")
    with pytest.raises(ProgramFailed, match="exit status 7"):
        record_stack(checkout.root, "dev")
