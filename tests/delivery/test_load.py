"""A load is counted as the server counts it, and judged against objectives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
import yaml
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from delivery import load_run
from delivery.cli import app
from delivery.load_objectives import objectives_of
from delivery.load_report import Objectives, lines, problems, to_json
from delivery.load_run import Load, LoadAmount, LoadResult, Outcome, run
from delivery.mcp_client import Endpoint, Era
from delivery.outputs import Deployed
from delivery.stack_identity import StackIdentity
from delivery.state_folders import state_folder
from stacks.config.stack import StackConfig
from tests.harness.containers import ROOT
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
    amount = LoadAmount(rate=rate, clients=clients, seconds=seconds)
    return Load(tool=tool, arguments=given, amount=amount)


def sent(server: RunningServer, one: Load, seconds: float = 10) -> LoadResult:
    """Send a load to a server, each client as a user of its own."""
    measured = LoadResult()
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


class Clock:
    """The time of a load: it passes only while a client waits until a request is due.

    It stands for the modules `time` and `anyio`.
    """

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.sleep(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(anyio, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the time of the load, so that a busy machine makes no request late."""
    clock = Clock()
    monkeypatch.setattr(load_run, "time", clock)
    monkeypatch.setattr(load_run, "anyio", clock)


def tool_calls(server: RunningServer) -> float:
    return value(httpx2.get(server.metrics_url).text, "mcp_tool_requests_total")


@pytest.mark.slow
@pytest.mark.usefixtures("clock")
def test_each_request_is_counted_once_as_the_server_counts_it(server: RunningServer):
    before = tool_calls(server)
    measured = sent(server, load("echo", text="hello"), seconds=60)
    assert measured.outcomes == {Outcome.ANSWERED: 50}
    assert measured.not_begun == 0
    assert tool_calls(server) - before == 50
    # The last of 50 requests is due after 49 of 50 parts of a second.
    assert measured.duration == pytest.approx(0.98)
    assert len(measured.seconds) == 50
    assert not list(problems(measured, load("echo"), OBJECTIVES))


@pytest.mark.slow
def test_requests_are_begun_when_they_are_due(server: RunningServer):
    """Two clients, and one request due every 0.1 s: the last one after 0.9 s."""
    amount = LoadAmount(rate=10, clients=2, seconds=1)
    measured = sent(server, Load(tool="echo", arguments={"text": "x"}, amount=amount))
    assert measured.outcomes == {Outcome.ANSWERED: measured.begun}
    assert measured.duration >= (measured.begun - 1) * 0.1


@pytest.mark.slow
@pytest.mark.usefixtures("clock")
def test_a_tool_that_refuses_its_arguments_is_named_with_what_it_says(server: RunningServer):
    measured = sent(server, load("echo", rate=20))
    assert measured.outcomes == {Outcome.TOOL_ERROR: 20}
    [problem] = problems(measured, load("echo"), OBJECTIVES)
    assert problem.path == "tool"
    assert "20 of 20 answers were an error of the tool; " in problem.what
    assert "text" in problem.what.partition("; ")[2]


@pytest.mark.slow
@pytest.mark.usefixtures("clock")
def test_the_list_of_tools_is_asked_for_each_time(server: RunningServer):
    def listed() -> float:
        text = httpx2.get(server.metrics_url).text
        return value(text, "mcp_requests_total", method="tools/list")

    before = listed()
    assert sent(server, load(), seconds=60).outcomes == {Outcome.ANSWERED: 50}
    # Each of the four clients asks once before the load begins.
    assert listed() - before == 54


@pytest.mark.slow
def test_a_wait_for_a_free_client_counts(server: RunningServer):
    """One client, a call of 0.2 s or more, and one due every 0.1 s: each waits longer by 0.1 s.

    All bounds are of the side that a busy machine does not cross.
    """
    amount = LoadAmount(rate=10, clients=1, seconds=2)
    busy = Load(tool="wait", arguments={"seconds": 0.2}, amount=amount)
    measured = sent(server, busy, seconds=60)
    later = [after - before for before, after in pairwise(measured.seconds)]
    assert later
    assert min(later) >= 0.1 - 0.005  # the server's clock is another one
    assert measured.seconds[0] <= measured.duration - len(later) * (0.2 - 0.005)
    assert measured.begun + measured.not_begun == 20
    assert measured.not_begun > 2
    patient = Objectives(availability_percent=99.9, latency_seconds=60)
    assert {problem.path for problem in problems(measured, busy, patient)} == {"clients"}


@pytest.mark.slow
@pytest.mark.usefixtures("clock")
def test_a_limit_of_the_server_is_told_apart_from_a_failure(tmp_path: Path):
    limits = {"messages_per_second": 5}
    with serving(tmp_path, Issuer.at(tmp_path), limits=limits) as few:
        measured = sent(few, load("echo", text="x", clients=1, rate=100), seconds=60)
    assert measured.outcomes[Outcome.LIMITED] > 10
    assert measured.outcomes[Outcome.FAILED] == 0
    [problem] = problems(measured, load("echo"), OBJECTIVES)
    assert problem.path == "limits"
    assert "5 messages a second" in problem.what


@pytest.mark.slow
@pytest.mark.usefixtures("clock")
def test_a_server_that_ends_leaves_failures_and_no_traceback(tmp_path: Path):
    with serving(tmp_path, Issuer.at(tmp_path)) as ending:
        measured = LoadResult()
        endpoint = Endpoint(url=f"{ending.base}/mcp", token=ending.token, seconds=2)

        async def killed() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(
                    run,
                    load("echo", text="x", rate=20),
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
        anyio.run(run, load(), [endpoint], Era.MODERN, LoadResult())
    assert len(refused.value.problems) == 1
    assert "make up" in refused.value.problems[0].fix


@pytest.mark.slow
def test_a_token_of_the_caller_that_is_refused_is_not_blamed_on_the_deployment(
    server: RunningServer,
):
    endpoint = Endpoint(url=f"{server.base}/mcp", token="no token", seconds=2, given=True)
    with pytest.raises(ProblemReport, match="the token is refused") as refused:
        anyio.run(run, load(), [endpoint], Era.MODERN, LoadResult())
    assert "--token" in refused.value.problems[0].fix
    assert "make up" not in refused.value.problems[0].fix


def measured_as(failed: int = 0, limited: int = 0, *, slow: int = 0, errors: int = 0) -> LoadResult:
    """A thousand requests, of which some failed, were refused, were slow or errors of the tool."""
    answered = 1000 - failed - limited
    counts = {
        Outcome.ANSWERED: answered - errors,
        Outcome.TOOL_ERROR: errors,
        Outcome.FAILED: failed,
        Outcome.LIMITED: limited,
    }
    seconds = [*[0.1] * (answered - slow), *[3.0] * slow]
    return LoadResult(outcomes=Counter(counts), seconds=seconds, duration=20)


@pytest.mark.parametrize(
    ("measured", "missed"),
    [
        (measured_as(), set[str]()),
        (measured_as(failed=1), set[str]()),
        (measured_as(failed=2), {"availability"}),
        (measured_as(slow=50), set[str]()),
        (measured_as(slow=51), {"latency"}),
        (measured_as(limited=1), {"limits"}),
        (measured_as(errors=1), set[str]()),
        (measured_as(errors=2), {"tool"}),
        (measured_as(errors=1000), {"tool"}),
        (measured_as(failed=900, slow=100), {"availability", "latency"}),
    ],
)
def test_objectives_are_missed_at_their_edge(measured: LoadResult, missed: set[str]):
    assert {one.path for one in problems(measured, load(), OBJECTIVES)} == missed
    assert set(to_json(measured, load(), OBJECTIVES)["missed"]) == missed


def test_the_result_says_rate_outcomes_and_times():
    measured = measured_as(failed=3, slow=20)
    first, second, third, *_ = lines(measured, load("echo"), OBJECTIVES)
    assert first == "1000 calls of echo in 20.0 s: 50 a second by 4 clients"
    assert second == "  997 answered, 0 tool error, 0 refused by a limit, 3 failed"
    assert third == "  answers: 50 % within 100 ms, 95 % within 100 ms, 99 % within 3000 ms"
    assert json.dumps(to_json(measured_as(), load(), OBJECTIVES))


def test_a_stack_must_be_named():
    ran = CliRunner().invoke(app, ["load", "echo"])
    assert ran.exit_code == 2
    assert "--stack" in ran.output


def stack_file(folder: Path, observability: Mapping[str, Any]) -> StackIdentity:
    """The stack prod of this project with this section observability."""
    for name in ("Pulumi.yaml", "__main__.py", "Pulumi.prod.yaml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    file = folder / "Pulumi.prod.yaml"
    written = yaml.safe_load(file.read_text())
    section = written["config"]["qudag-mcp:observability"]
    written["config"]["qudag-mcp:observability"] = section | observability
    file.write_text(yaml.safe_dump(written))
    return StackIdentity.of(folder, "prod")


HERE = "observability.alerts.objectives"


def test_a_load_is_judged_by_the_objectives_of_the_stack_file(tmp_path: Path):
    stated = {"availabilityPercent": 99, "latencySeconds": 5, "latencyPercent": 99.5}
    stack = stack_file(tmp_path, {"alerts": {"objectives": stated}})
    found = objectives_of(stack, None, None)
    assert not list(problems(measured_as(failed=10, slow=900), load(), found))
    measured = measured_as(failed=11)
    measured.seconds[:6] = [6.0] * 6
    availability, latency = problems(measured, load(), found)
    assert availability.consequence == (
        f"the objective of 99 % is missed: {HERE}.availabilityPercent of Pulumi.prod.yaml"
    )
    assert latency.what.startswith("99.5 % of the answers came within 6 s")
    assert "the objective of 5 s is missed" in latency.consequence
    assert lines(measured, load(), found)[-2:] == [
        f"  objective: 99 % answered ({HERE}.availabilityPercent of Pulumi.prod.yaml)",
        f"  objective: 99.5 % ({HERE}.latencyPercent of Pulumi.prod.yaml) within 5 s "
        f"({HERE}.latencySeconds of Pulumi.prod.yaml)",
    ]


def test_an_option_overrides_the_objective_of_the_stack_file(tmp_path: Path):
    stack = stack_file(tmp_path, {"alerts": {"objectives": {"latencySeconds": 5}}})
    found = objectives_of(stack, 90, 0.5)
    told = to_json(measured_as(failed=99, slow=60), load(), found)
    assert told["missed"] == ["latency"]
    assert told["objectives"] == {
        "availability_percent": {"value": 90, "from": "--availability"},
        "latency_seconds": {"value": 0.5, "from": "--latency"},
        "latency_percent": {"value": 95, "from": f"default of {HERE}.latencyPercent"},
    }


def test_a_stack_without_objectives_has_the_defaults_of_its_alerts(tmp_path: Path):
    found = objectives_of(stack_file(tmp_path, {"alerts": {}}), None, None)
    rules = StackConfig.model_validate({}).observability.alerts.objectives
    assert rules.model_dump().items() <= vars(found).items()
    assert set(found.sources.values()) == {
        f"default of {HERE}.{key}"
        for key in ("availabilityPercent", "latencySeconds", "latencyPercent")
    }


def test_a_program_of_another_project_has_the_same_defaults(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    (tmp_path / "__main__.py").touch()
    found = objectives_of(StackIdentity.of(tmp_path, "dev"), None, 1)
    assert (found.availability_percent, found.latency_seconds) == (99.9, 1)
    assert found.sources["latency_seconds"] == "--latency"


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
    assert "Aborted" in ran.stderr
    assert "--yes" not in ran.stderr


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("verb", ["load", "down"])
def test_where_nobody_can_answer_the_option_is_named(verb: str):
    ran = CliRunner().invoke(app, [verb, "--stack", "prod"], input="")
    assert ran.exit_code == 1
    assert "--yes: is not given, and nobody answers the question" in ran.stderr
    assert "fix: pass --yes" in ran.stderr


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
