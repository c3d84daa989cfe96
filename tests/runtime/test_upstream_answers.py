"""A front passes on only those headers of its program's answers that an MCP client reads."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.harness.answer_headers import FOREIGN, MARK, NEEDED, OF_CHECKS, foreign_in
from tests.harness.front import Made, admitted, in_front
from tests.harness.server import RunningServer
from tests.harness.tokens import Issuer
from tests.harness.user_server import running

BODY: dict[str, Any] = {"jsonrpc": "2.0", "id": 7, "result": {}}
added: dict[str, str] = {}
"""What the program adds to its next answer; `status` is its status."""


async def answer(_: Request) -> Response:
    headers = {"allow": MARK, "content-type": "application/json", **added}
    return JSONResponse(BODY, int(headers.pop("status", 200)), headers)


@pytest.fixture(scope="module")
def front(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    with (
        running(Made(answer)) as program,
        in_front(servers_directory, issuer, program.port) as server,
    ):
        server.token = admitted(issuer)
        yield server


@pytest.fixture(autouse=True)
def as_made() -> Generator[None]:
    yield
    added.clear()


@pytest.mark.parametrize("status", [200, 401, 429])
def test_headers_that_act_for_the_proxy_are_removed_from_answers(front: RunningServer, status: int):
    # nginx cannot leave out what it does not know, as this server does.
    unknown = {"x-unknown": MARK, "x-user-name": MARK}
    added.update(FOREIGN, **OF_CHECKS, **NEEDED, **unknown, connection="allow", status=str(status))
    given = front.post_modern("tools/list")
    assert (given.status_code, given.json()) == (status, BODY)
    assert foreign_in(given.headers) == set()
    assert NEEDED.items() <= dict(given.headers).items()


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_a_redirect_of_the_program_is_an_error_that_names_the_setting(
    front: RunningServer, status: int
):
    added.update(location="/mcp/", status=str(status))
    given = front.post_modern("tools/list")
    assert (given.status_code, given.json()["id"]) == (502, 7)
    assert "`path`" in given.json()["error"]["message"]
    assert "location" not in given.headers
