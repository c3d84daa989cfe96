"""The hosted application starts once, and reports a failed start to every request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

import httpx2
import pytest
import tomli_w
from starlette.applications import Starlette

from runtime.config import Config
from runtime.hosts.hosted_application import HostedApplication
from runtime.toml_config import ConfigError, StartError
from tests.harness.server import settings
from tests.harness.tokens import Issuer


@pytest.fixture
def application(issuer: Issuer) -> HostedApplication:
    return HostedApplication(Config.model_validate(settings(issuer)))


async def ready(application: HostedApplication) -> int:
    transport = httpx2.ASGITransport(application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return (await client.get("/ready")).status_code


async def test_simultaneous_first_requests_start_the_application_once(
    application: HostedApplication,
):
    assert await asyncio.gather(*(ready(application) for _ in range(5))) == [200] * 5
    assert application.living is not None
    application.living.cancel()


async def test_every_request_raises_the_error_of_a_failed_start(application: HostedApplication):
    @contextlib.asynccontextmanager
    async def fail(_: Starlette) -> AsyncGenerator[None]:
        raise StartError("the port is taken")
        yield

    application.parts.public.router.lifespan_context = fail
    for _ in range(2):
        with pytest.raises(StartError, match="the port is taken"):
            await ready(application)


def test_missing_files_are_reported_before_the_start(
    monkeypatch: pytest.MonkeyPatch, issuer: Issuer
):
    redis = {"host": "h", "password_env": "QUDAG_TEST_ABSENT"}
    monkeypatch.setenv("QUDAG_MCP_CONFIG", tomli_w.dumps(settings(issuer, redis=redis)))
    with pytest.raises(ConfigError, match=r"redis.password_env: QUDAG_TEST_ABSENT is not set"):
        HostedApplication.of_environment()


def test_lines_go_through_the_handler_of_the_host(monkeypatch: pytest.MonkeyPatch, issuer: Issuer):
    monkeypatch.setenv("QUDAG_MCP_CONFIG", tomli_w.dumps(settings(issuer)))
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    lines: list[str] = []

    class Collected(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    HostedApplication.of_environment([Collected()])
    logging.getLogger("qudag_mcp_server").warning("told")
    assert len(lines) == 1
    assert '"event": "told"' in lines[0]
