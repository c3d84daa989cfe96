"""`qudag-mcp comment`: one comment for each stack, which later runs replace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.pull_request_comment import Posted, fitted, post
from review.report import markdown
from tests.harness.graphs import graph, kube
from tests.harness.pull_requests import Forge, serving
from tests.review import platform

MARKER = "<!-- qudag-mcp preview: qudag-mcp/dev -->"


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(Forge()) as found:
        yield found


@pytest.fixture(params=["github", "gitlab"])
def job(request: pytest.FixtureRequest, forge: Forge, tmp_path: Path) -> Mapping[str, str]:
    """The environment of a job for pull request 7."""
    if request.param == "gitlab":
        return {
            "CI_MERGE_REQUEST_IID": "7",
            "CI_API_V4_URL": forge.address,
            "CI_PROJECT_ID": "42",
            "CI_JOB_URL": "https://gitlab.example/jobs/1",
            "GITLAB_TOKEN": "secret",
        }
    return github(forge, tmp_path)


def github(forge: Forge, folder: Path) -> dict[str, str]:
    event = folder / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_API_URL": forge.address,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_RUN_ID": "99",
        "GITHUB_TOKEN": "secret",
    }


def report(folder: Path, text: str = "two changes") -> Path:
    file = folder / "preview.md"
    file.write_text(f"{MARKER}\n{text}\n")
    return file


def test_a_second_run_updates_the_comment_of_the_first(
    forge: Forge, job: Mapping[str, str], tmp_path: Path
):
    assert post(report(tmp_path, "first"), job).done == "posted"
    assert post(report(tmp_path, "second"), job).done == "updated"
    (comment,) = forge.comments
    assert "second" in comment["body"]
    assert "first" not in comment["body"]
    assert all("secret" in token for _, _, token in forge.requests)
    assert any("/7/" in path for _, path, _ in forge.requests)


def test_the_marker_in_a_comment_of_somebody_else_is_not_followed(
    forge: Forge, job: Mapping[str, str], tmp_path: Path
):
    forge.add("mallory", f"{MARKER}\nnothing to see")
    forge.add("preview-bot", f"quoting:\n{MARKER}")
    forge.add("preview-bot", "<!-- qudag-mcp preview: qudag-mcp/prod -->\nof another stack")
    before = [dict(one) for one in forge.comments]
    assert post(report(tmp_path), job).done == "posted"
    assert forge.comments[:3] == before


def test_the_comment_is_found_on_a_later_page(forge: Forge, job: Mapping[str, str], tmp_path: Path):
    for number in range(230):
        forge.add("somebody", f"comment {number}")
    forge.add("preview-bot", f"{MARKER}\nold")
    assert post(report(tmp_path), job).done == "updated"
    assert len(forge.comments) == 231


def test_a_workflows_own_token_finds_its_comment_without_asking_for_its_name(
    forge: Forge, tmp_path: Path
):
    forge.me = None
    assert post(report(tmp_path), github(forge, tmp_path)).done == "posted"
    assert post(report(tmp_path), github(forge, tmp_path)).done == "updated"


def test_a_token_that_may_not_write_ends_without_an_error(
    forge: Forge, job: Mapping[str, str], tmp_path: Path
):
    forge.writes = False
    assert post(report(tmp_path), job).done.startswith("not posted")
    assert forge.comments == []


def test_without_a_token_nothing_is_asked(forge: Forge, job: Mapping[str, str], tmp_path: Path):
    without = {key: value for key, value in job.items() if not key.endswith("_TOKEN")}
    assert post(report(tmp_path), without) == Posted(
        "not posted: the job has no token that may write comments"
    )
    assert forge.requests == []


@pytest.mark.parametrize("status", [302, 401, 500])
def test_a_server_that_does_not_answer_as_it_should_is_a_problem(
    forge: Forge, job: Mapping[str, str], tmp_path: Path, status: int
):
    forge.status = status
    with pytest.raises(ProblemReport, match=str(status)) as refused:
        post(report(tmp_path), job)
    assert "secret" not in str(refused.value)


def test_the_token_is_sent_over_tls_only(job: Mapping[str, str], tmp_path: Path):
    plain = dict(job) | {"GITHUB_API_URL": "http://api.example", "CI_API_V4_URL": "http://x.test"}
    with pytest.raises(ProblemReport, match="https"):
        post(report(tmp_path), plain)


@pytest.mark.parametrize("text", ["", "### no marker", f"text\n{MARKER}", "<!-- other: x -->"])
def test_a_file_that_is_no_preview_is_refused(tmp_path: Path, forge: Forge, text: str):
    (tmp_path / "preview.md").write_text(text)
    with pytest.raises(ProblemReport, match="marker"):
        post(tmp_path / "preview.md", github(forge, tmp_path))
    assert forge.requests == []


def test_a_job_without_a_pull_request_is_refused(tmp_path: Path, forge: Forge):
    with pytest.raises(ProblemReport, match="pull request"):
        post(report(tmp_path), {})
    job = github(forge, tmp_path)
    Path(job["GITHUB_EVENT_PATH"]).write_text(json.dumps({"ref": "refs/heads/main"}))
    with pytest.raises(ProblemReport, match="pull request"):
        post(report(tmp_path), job)


def test_the_marker_of_a_report_is_the_one_that_is_looked_for(
    forge: Forge, job: Mapping[str, str], tmp_path: Path
):
    file = tmp_path / "preview.md"
    file.write_text(markdown.comparison(platform.comparison()))
    assert file.read_text().startswith(f"{MARKER}\n")
    assert post(file, job).done == "posted"
    assert post(file, job).done == "updated"


def test_a_long_report_is_cut_after_an_entry_and_links_to_the_artifact():
    new = [kube("core/v1:ConfigMap", f"c{n}", data={"f": "x" * 40}) for n in range(300)]
    text = markdown.comparison(platform.comparison(graph(), graph(*new)))
    cut = fitted(text, 20_000, "https://github.example/acme/shop/actions/runs/99")
    assert len(cut) <= 20_000
    assert cut.count("<details>") == cut.count("</details>") > 10
    assert "entries are cut" in cut
    assert "https://github.example/acme/shop/actions/runs/99" in cut


def test_a_report_that_fits_is_posted_whole():
    text = f"{MARKER}\n### title\n<details>\none\n</details>\n"
    assert fitted(text, 65_536, "").strip() == text.strip()
