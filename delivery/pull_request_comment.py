"""Posts a preview to its pull request, or updates the comment that it posted before."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from components.base.problems import Problem, ProblemReport
from graph.tree import dig

from .option_values import read_text

MARKER: Final = re.compile(r"<!-- qudag-mcp preview: [\w./ -]+ -->")
_SECONDS: Final = 30
_PAGES: Final = 50  # of a hundred comments each
_BOT: Final = "github-actions[bot]"  # the author of what a workflow's own token writes
_TAIL: Final = 400  # of the limit, for the sentence about what is cut


@dataclass(frozen=True, kw_only=True)
class Comments:
    """The comments of one pull request, and how to change them.

    Attributes:
        listed: address of all of them; a new one is sent there too.
        each: address of one of them, without its id.
        update: the method that changes one.
        author: property path of the author's name.
        who: address that tells whose the token is.
        name: property of the name in that answer.
        headers: with the token.
        limit: the longest comment in characters.
        report: where the whole report is.
    """

    listed: str
    each: str
    update: str
    author: tuple[str, str]
    who: str
    name: str
    headers: Mapping[str, str]
    limit: int
    report: str


@dataclass(frozen=True)
class Posted:
    """The result of posting a comment."""

    done: str
    address: str = ""


def post(file: Path, environment: Mapping[str, str] = os.environ) -> Posted:
    """Posts the Markdown in ``file`` to the pull request that this job is for.

    The comment that the same author posted before, with the same marker in its first line, is
    replaced. Where the token may not write, as for a pull request from a fork, nothing is posted.

    Raises:
        ProblemReport: no pull request, no preview in the file, or a server that refuses.
    """
    text = read_text("", file, "no comment is posted")
    marker = text.partition("\n")[0].strip()
    if not MARKER.fullmatch(marker):
        raise _problem(
            str(file),
            "its first line is not the marker of a preview",
            "write it with: qudag-mcp preview --base REF --out FILE.md",
        )
    comments = of_job(environment)
    if comments is None:
        return Posted("not posted: the job has no token that may write comments")
    body = fitted(text, comments.limit, comments.report)
    try:
        found = _own(comments, marker)
        if found is None:
            made = _call(comments, "POST", comments.listed, {"body": body})
            return Posted("posted", str(made.get("html_url", "")))
        made = _call(comments, comments.update, f"{comments.each}/{found}", {"body": body})
        return Posted("updated", str(made.get("html_url", "")))
    except _MayNotWriteError:
        return Posted("not posted: the token may not write comments, as for one from a fork")


def of_job(environment: Mapping[str, str]) -> Comments | None:
    """The comments of the pull request of this job; None where it has no token."""
    if "GITHUB_EVENT_PATH" in environment:
        return _github(environment)
    if "CI_MERGE_REQUEST_IID" in environment:
        return _gitlab(environment)
    raise _problem(
        "environment",
        "is not that of a job for a pull request",
        "run this in a GitHub workflow of the event pull_request, or in a GitLab merge request "
        "pipeline",
    )


def _github(environment: Mapping[str, str]) -> Comments | None:
    event: Any = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = dig(event, "pull_request", "number")
    if not isinstance(number, int):
        raise _problem(
            "GITHUB_EVENT_PATH",
            "the event of this workflow has no pull request",
            "run it on the event pull_request",
        )
    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN")
    if not token:
        return None
    base = environment.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    repository = quote(environment["GITHUB_REPOSITORY"])
    server = environment.get("GITHUB_SERVER_URL", "https://github.com")
    run = environment.get("GITHUB_RUN_ID", "")
    return Comments(
        listed=f"{base}/repos/{repository}/issues/{number}/comments",
        each=f"{base}/repos/{repository}/issues/comments",
        update="PATCH",
        author=("user", "login"),
        who=f"{base}/user",
        name="login",
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        limit=65_536,
        report=f"{server}/{repository}/actions/runs/{run}" if run else "",
    )


def _gitlab(environment: Mapping[str, str]) -> Comments | None:
    token = environment.get("GITLAB_TOKEN")
    if not token:
        return None
    base = environment["CI_API_V4_URL"].rstrip("/")
    project, number = environment["CI_PROJECT_ID"], environment["CI_MERGE_REQUEST_IID"]
    notes = f"{base}/projects/{quote(project, safe='')}/merge_requests/{quote(number)}/notes"
    job = environment.get("CI_JOB_URL", "")
    return Comments(
        listed=notes,
        each=notes,
        update="PUT",
        author=("author", "username"),
        who=f"{base}/user",
        name="username",
        headers={"PRIVATE-TOKEN": token},
        limit=1_000_000,
        report=f"{job}/artifacts/browse" if job else "",
    )


def fitted(text: str, limit: int, report: str) -> str:
    """``text`` with a link to the whole report, and without the entries that do not fit.

    Entries are cut at the end, where the least serious ones are.
    """
    link = f"\nThe whole report is an artifact of {report}.\n" if report else ""
    if len(text) + len(link) <= limit:
        return text.rstrip("\n") + "\n" + link
    head, *entries = re.split(r"(?m)^(?=<details>)", text)
    room = limit - len(link) - _TAIL
    kept = "".join(_first(head.splitlines(keepends=True), room))
    shown = 0
    for entry in entries:
        if len(kept) + len(entry) > room:
            break
        kept += entry
        shown += 1
    cut = f"\n{len(entries) - shown} of {len(entries)} entries are cut: a comment holds {limit:,}"
    return f"{kept}{cut} characters.\n{link}"


def _first(lines: list[str], room: int) -> Iterator[str]:
    for line in lines:
        room -= len(line)
        if room < 0:
            return
        yield line


class _MayNotWriteError(Exception):
    """The server refused the token for this request."""


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: the header with the token would go to another host."""

    def redirect_request(  # noqa: PLR0917  (as urllib calls it)
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any
    ) -> None:
        """Returns None, so that urllib raises the redirect as an error."""


def _own(comments: Comments, marker: str) -> int | None:
    """The id of the first comment of this author that begins with ``marker``."""
    me = _author(comments)
    for page in range(1, _PAGES + 1):
        found: Any = _call(comments, "GET", f"{comments.listed}?per_page=100&page={page}")
        for one in cast("list[dict[str, Any]]", found):
            if (
                dig(one, *comments.author) == me
                and str(one.get("body", "")).partition("\n")[0].strip() == marker
            ):
                return int(one["id"])
        if len(found) < 100:
            return None
    return None


def _author(comments: Comments) -> str:
    """The author of the token's comments. A workflow's own token may not request its user."""
    try:
        return str(_call(comments, "GET", comments.who)[comments.name])
    except _MayNotWriteError:
        return _BOT


def _call(comments: Comments, method: str, address: str, body: Any = None) -> Any:
    request = Request(  # noqa: S310  (the scheme is checked below)
        address,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={**comments.headers, "Content-Type": "application/json", "User-Agent": "qudag-mcp"},
    )
    host = urlsplit(address).hostname
    if urlsplit(address).scheme != "https" and host not in ("127.0.0.1", "localhost"):
        raise _problem(address, "is not an https address", "the token is sent over TLS only")
    try:
        with build_opener(_NoRedirects).open(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read() or b"null")
    except HTTPError as error:
        if error.code in (403, 404):
            raise _MayNotWriteError from error
        raise _problem(
            f"{method} {address}",
            f"the server answered {error.code} {error.reason}",
            "run the job again; the report is among its artifacts",
        ) from error
    except (URLError, TimeoutError) as error:
        raise _problem(
            f"{method} {address}",
            f"the server was not reached: {error}",
            "run the job again; the report is among its artifacts",
        ) from error


def _problem(path: str, what: str, fix: str) -> ProblemReport:
    consequence = "no comment is posted"
    return ProblemReport([Problem(path=path, what=what, consequence=consequence, fix=fix)])
