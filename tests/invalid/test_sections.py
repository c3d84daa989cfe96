"""Each mistake of the table is refused with its path, as the only problem, and with a fix."""

import pulumi
import pytest

from components.base.problems import Problem
from graph.recorder import record
from stacks.program import main
from tests.harness.tiers import sampled
from tests.invalid.cases import PREFIX, Case, changed, refusals, refusals_of_the_program, table

TABLES = (
    "values.yaml",
    "rules.yaml",
    "scaling.yaml",
    "secret_store.yaml",
    "clouds.yaml",
    "cloud_monitoring.yaml",
    "cloud_otlp.yaml",
    "servers.yaml",
    "server_metrics.yaml",
    "server_traces.yaml",
    "server_targets.yaml",
    "topology_servers.yaml",
    "cloudnative_pg.yaml",
    "valkey.yaml",
    "audit.yaml",
    "data_kinds.yaml",
    "managed_caches.yaml",
    "backup.yaml",
    "backup_bucket.yaml",
    "observability.yaml",
    "traces.yaml",
    "alerts.yaml",
    "own_alertmanager.yaml",
    "grafana_sign_in.yaml",
    "own_grafana.yaml",
    "probes.yaml",
    "identities.yaml",
    "managed_databases.yaml",
    "without_cluster.yaml",
)
CASES = [case for name in TABLES for case in table(name)]
HANDED_OVER = [case for case in CASES if None not in case.values[0].changes.values()]
"""Without those of an empty section: it does not reach the program, the file is refused for it."""


@pytest.mark.parametrize("case", sampled(CASES, 5))
def test_a_mistake_is_refused_where_it_is_and_nowhere_else(case: Case):
    problems = case.problems
    assert [p.path for p in problems] == [PREFIX + at for at in (case.at, *case.also)]
    assert case.fix in problems[0].fix
    for problem in problems:
        reads_well(problem)


def reads_well(problem: Problem) -> None:
    """It has a printable what, consequence and fix, in our own words."""
    assert all((problem.what, problem.consequence, problem.fix))
    shown = str(problem)
    assert shown.count("\n") == 2, "a value's line breaks must not be printed"
    assert shown.isprintable() or set(filter(lambda c: not c.isprintable(), shown)) == {"\n"}
    assert "Input should" not in shown, "pydantic's words are not ours"
    assert "[0-9]" not in problem.fix, "a pattern is no fix"
    assert "hunter2" not in shown, "what may be a secret is not shown"


@pytest.mark.parametrize(
    "case", [case for number, case in enumerate(HANDED_OVER) if not number % 30]
)
def test_the_program_says_the_same_as_validation_of_a_thirtieth(case: Case):
    same_by_program_and_validation(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", HANDED_OVER)
def test_the_program_says_the_same_as_validation(case: Case):
    same_by_program_and_validation(case)


def same_by_program_and_validation(case: Case) -> None:
    problems = refusals_of_the_program(case.raw, case.stack)
    assert [p.path for p in problems] == [PREFIX + at for at in (case.at, *case.also)]
    assert problems[0].fix == case.problems[0].fix


def test_many_mistakes_are_reported_at_once():
    mistakes = {
        "environment": "prd",
        "protcol": {},
        "protocol": {"era": "moden", "longestToolSeconds": "60s", "drainSecond": 5},
        "network": {"clients": ["10.0.0.1/8", "10.0.0.0/8", "x"], "isuer": []},
        "scaling": {"mcp-sever": {"replicas": 0}, "mcp-server": {"min": 2}},
        "edge": {"maxBody": "1;"},
    }
    assert {p.path.removeprefix(PREFIX) for p in refusals(changed("dev", mistakes))} == {
        "environment",
        "protcol",
        "protocol.era",
        "protocol.longestToolSeconds",
        "protocol.drainSecond",
        "network.clients[0]",
        "network.clients[2]",
        "network.isuer",
        "scaling.mcp-sever.replicas",
        "scaling.mcp-sever",
        "scaling.mcp-server.max",
        "edge.maxBody",
    }


def test_a_rule_skips_fields_that_are_already_refused():
    raw = changed("prod", {"network": {"isuer": ["203.0.113.0/24"]}})
    del raw["network"]["issuer"]
    # Not also: "network.issuer is empty".
    assert [p.path for p in refusals(raw, "prod")] == ["qudag-mcp:network.isuer"]


@pytest.mark.parametrize("section", sorted(changed("prod", {})))
def test_an_encrypted_value_is_refused_by_its_name_alone(section: str):
    raw = changed("prod", {}) | {section: "hunter2"}
    problems = refusals_of_the_program(raw, "prod", secret_keys=(PREFIX + section,))
    refusal = next(p for p in problems if p.path == PREFIX + section)
    assert f"pulumi config rm {PREFIX}{section}" in refusal.fix
    assert "hunter2" not in "".join(map(str, problems))
    assert [p.path for p in problems].count(PREFIX + section) == 1


@pytest.mark.parametrize("key", ["qudag_mcp:domain", "qudag:domain", "Qudag-MCP:domain"])
def test_a_key_of_a_misspelt_project_is_refused(key: str):
    (problem,) = refusals_of_the_program(changed("dev", {}) | {key: "mcp.example.com"})
    assert problem.path.startswith(key)
    assert problem.fix == "write qudag-mcp:domain"


def test_config_keys_of_other_programs_are_accepted():
    raw = changed("dev", {"edge": 5}) | {"aws:region": "eu-west-1", "pulumi:tags": "{}"}
    assert [p.path for p in refusals_of_the_program(raw)] == ["qudag-mcp:edge"]


def test_pulumi_prints_a_refusal_as_it_is():
    # Pulumi's program host shows a RunError's text, and the traceback of anything else.
    with pytest.raises(pulumi.RunError) as refused:
        record(main, config={"edge": "5"})
    assert str(refused.value).startswith("1 problem:\nqudag-mcp:edge: is 5")
