"""A load is counted as the server counts it, and judged against objectives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from delivery.cli import app
from delivery.load_report import Objectives, lines, objectives_of, problems, to_json
from delivery.load_run import Amount, Load, Measured, Outcome, run
from delivery.mcp_client import Endpoint, Era
from delivery.outputs import Deployed
from delivery.state_folders import state_folder
from delivery.stack_identity import StackIdentity
from tests.harness.exported_metrics import value
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer

OBJECTIVES = Objectives(availability_percent=99.9, latency_seconds=2.5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningServer]:
    folder = tmp_path_factory.mktemp("load")
    with serving(folder, Issuer.at(folder)) as running:
        yield running


def load(
    tool: str | None = None, *, rate: float = 50, clients: int = 4, seconds: float = 1, **given: Any
) -> Load:
    amount = Amount(rate=rate, clients=clients, seconds=seconds)
    return Load(tool=tool, arguments=given, amount=amount)


def sent(server: RunningServer, one: Load, seconds: float = 10) -> Measured:
    """Send a load to a server, each client as a user of its own."""
    measured = Measured()
    endpoints = [
        Endpoint(
            url=f"{server.base}/mcp",
            token=server.issuer.token(sub=f"load-{number}"),
            seconds=seconds,
        )
        for number in range(one.amount.clients)
    ]
    anyio.run(run, one, endpoints, Era.MODERN, measured)
    return measured


def tool_calls(server: RunningServer) -> float:
    return value(httpx2.get(server.metrics_url).text, "mcp_tool_requests_total")


@pytest.mark.slow
def test_each_request_is_counted_once_as_the_server_counts_it(server: RunningServer):
    before = tool_calls(server)
    measured = sent(server, load("echo", text="hello"))
    assert measured.outcomes == {Outcome.ANSWERED: 50}
    assert measured.not_begun == 0
    assert tool_calls(server) - before == 50
    assert 0.9 <= measured.duration < 5
    assert len(measured.seconds) == 50
    assert not list(problems(measured, load("echo"), OBJECTIVES))


@pytest.mark.slow
def test_the_list_of_tools_is_asked_for_each_time(server: RunningServer):
    def listed() -> float:
        text = httpx2.get(server.metrics_url).text
        return value(text, "mcp_requests_total", method="tools/list")

    before = listed()
    assert sent(server, load()).outcomes == {Outcome.ANSWERED: 50}
    # Each of the four clients asks once before the load begins.
    assert listed() - before == 54


@pytest.mark.slow
def test_a_wait_for_a_free_client_counts(server: RunningServer):
    """One client, a call of 0.4 s each, and one due every 0.2 s: the third waits for 0.4 s."""
    amount = Amount(rate=5, clients=1, seconds=2)
    busy = Load(tool="wait", arguments={"seconds": 0.4}, amount=amount)
    measured = sent(server, busy)
    assert measured.seconds[0] < 0.8 < 0.9 < measured.seconds[-1]
    assert measured.begun + measured.not_begun == 10
    assert measured.not_begun > 2
    assert {problem.path for problem in problems(measured, busy, OBJECTIVES)} == {"clients"}


@pytest.mark.slow
def test_a_limit_of_the_server_is_told_apart_from_a_failure(tmp_path: Path):
    limits = {"messages_per_second": 5}
    with serving(tmp_path, Issuer.at(tmp_path), limits=limits) as few:
        measured = sent(few, load("echo", text="x", clients=1, rate=40))
    assert measured.outcomes[Outcome.LIMITED] > 10
    assert measured.outcomes[Outcome.FAILED] == 0
    [problem] = problems(measured, load("echo"), OBJECTIVES)
    assert problem.path == "limits"
    assert "5 messages a second" in problem.what


@pytest.mark.slow
def test_a_server_that_ends_leaves_failures_and_no_traceback(tmp_path: Path):
    with serving(tmp_path, Issuer.at(tmp_path)) as ending:
        measured = Measured()
        endpoint = Endpoint(url=f"{ending.base}/mcp", token=ending.token, seconds=2)

        async def killed() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(
                    run,
                    load("echo", text="x", rate=20, seconds=2),
                    [endpoint],
                    Era.MODERN,
                    measured,
                )
                while measured.begun < 10:
                    await anyio.sleep(0.01)
                ending.program.kill()

        anyio.run(killed)
    assert measured.outcomes[Outcome.FAILED] > 5
    assert "availability" in {one.path for one in problems(measured, load("echo"), OBJECTIVES)}


@pytest.mark.slow
def test_a_client_that_cannot_connect_is_one_problem(server: RunningServer):
    endpoint = Endpoint(url=f"{server.base}/mcp", token="no token", seconds=2)
    with pytest.raises(ProblemReport, match="the token is refused") as refused:
        anyio.run(run, load(), [endpoint], Era.MODERN, Measured())
    assert len(refused.value.problems) == 1


def measured_as(failed: int = 0, limited: int = 0, *, slow: int = 0) -> Measured:
    """A thousand requests, of which some failed, were refused or were slow."""
    answered = 1000 - failed - limited
    counts = {Outcome.ANSWERED: answered, Outcome.FAILED: failed, Outcome.LIMITED: limited}
    seconds = [*[0.1] * (answered - slow), *[3.0] * slow]
    return Measured(outcomes=Counter(counts), seconds=seconds, duration=20)


@pytest.mark.parametrize(
    ("measured", "missed"),
    [
        (measured_as(), set[str]()),
        (measured_as(failed=1), set[str]()),
        (measured_as(failed=2), {"availability"}),
        (measured_as(slow=50), set[str]()),
        (measured_as(slow=51), {"latency"}),
        (measured_as(limited=1), {"limits"}),
        # A limit refused them: they do not count as failed.
        (measured_as(limited=2), {"limits"}),
        (measured_as(failed=900, slow=100), {"availability", "latency"}),
    ],
)
def test_objectives_are_missed_at_their_edge(measured: Measured, missed: set[str]):
    assert {one.path for one in problems(measured, load(), OBJECTIVES)} == missed
    assert set(to_json(measured, load(), OBJECTIVES)["missed"]) == missed


def test_the_result_says_rate_outcomes_and_times():
    first, second, third = lines(measured_as(failed=3, slow=20), load("echo"))
    assert first == "1000 calls of echo in 20.0 s: 50 a second by 4 clients"
    assert second == "  997 answered, 0 tool error, 0 refused by a limit, 3 failed"
    assert third == "  answers: 50 % within 100 ms, 95 % within 100 ms, 99 % within 3000 ms"
    assert json.dumps(to_json(measured_as(), load(), OBJECTIVES))


def project(root: Path, observability: str) -> StackIdentity:
    (root / "__main__.py").touch()
    (root / "Pulumi.yaml").write_text("name: qudag-mcp\nruntime: python\n")
    (root / "Pulumi.dev.yaml").write_text(f"config:\n  qudag-mcp:environment: dev\n{observability}")
    return StackIdentity.of(root, "dev")


def test_a_stack_is_judged_against_the_objectives_of_its_file(tmp_path: Path):
    stated = "{alerts: {objectives: {availabilityPercent: 99.5, latencySeconds: 10}}}"
    stack = project(tmp_path, f"  qudag-mcp:observability: {stated}\n")
    assert objectives_of(stack) == Objectives(
        availability_percent=99.5, latency_seconds=10, latency_percent=95
    )


def test_a_stack_without_objectives_is_judged_against_the_usual_ones(tmp_path: Path):
    assert objectives_of(project(tmp_path, "")) == OBJECTIVES


@pytest.mark.parametrize(
    "stated", ["7", "{alerts: 7}", "{alerts: {objectives: {latencySeconds: soon}}}"]
)
def test_objectives_that_the_stack_cannot_have_are_refused(tmp_path: Path, stated: str):
    stack = project(tmp_path, f"  qudag-mcp:observability: {stated}\n")
    with pytest.raises(ProblemReport, match=r"observability\.alerts\.objectives"):
        objectives_of(stack)


def test_a_stack_that_does_not_exist_is_refused_before_anything_is_asked():
    ran = CliRunner().invoke(app, ["load", "--stack", "nope"], input="y\n")
    assert ran.exit_code == 1
    assert "there is no stack 'nope'" in ran.output
    assert "Send" not in ran.output


def test_a_stack_must_be_named():
    ran = CliRunner().invoke(app, ["load", "echo"])
    assert ran.exit_code == 2
    assert "--stack" in ran.output


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which prod was deployed."""
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path))
    Deployed(outputs={}, cluster="context", context="none").write(state_folder("prod"))


@pytest.mark.usefixtures("deployed")
def test_another_stack_than_dev_asks_first():
    ran = CliRunner().invoke(app, ["load", "--stack", "prod"], input="n\n")
    assert ran.exit_code == 1
    assert "Send 5 requests a second for 30 s to stack prod?" in ran.output


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("verb", ["load", "down"])
def test_a_stack_that_does_not_exist_is_said_before_any_question(verb: str):
    ran = CliRunner().invoke(app, [verb, "--stack", "prd"], input="y\n")
    assert ran.exit_code == 1
    assert "there is no stack 'prd'" in ran.stderr
    assert "did you mean prod?" in ran.stderr
    assert "[y/N]" not in ran.output


@pytest.mark.usefixtures("deployed")
def test_a_stack_that_is_not_deployed_is_said_before_any_question():
    ran = CliRunner().invoke(app, ["load", "--stack", "staging"], input="y\n")
    assert ran.exit_code == 1
    assert "stack staging: it is not deployed" in ran.stderr
    assert "[y/N]" not in ran.output


@pytest.mark.parametrize(
    "option", ["--rate=501", "--rate=0", "--clients=101", "--seconds=541", "--latency=0"]
)
def test_a_load_is_bounded(option: str):
    assert CliRunner().invoke(app, ["load", "--stack", "dev", option]).exit_code == 2
