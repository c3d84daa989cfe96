"""`PodSettings` apply to every kind of pod, and cannot change fields that components set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.credentials import looks_like_a_credential
from components.base.problems import ProblemReport
from components.base.tokens import TYPE_TOKENS
from components.kubernetes.job import CronJob, CronJobArgs, Job, JobArgs
from components.kubernetes.pod_settings import (
    BACKUP_VARIABLES,
    EXPORTER_VARIABLES,
    PodSettings,
    SecretKey,
    Toleration,
    UserIds,
)
from components.kubernetes.workload import Workload, WorkloadKind
from graph.resource_graph import ResourceGraph
from stacks.config.validation import validate
from tests.harness import record
from tests.harness.component_cases import CASES
from tests.harness.component_cases import recorded as recorded_case
from tests.harness.graph_queries import STACKS, ancestry, pods
from tests.harness.minimal_args import container, workload
from tests.harness.runbook_stacks import STACKS as RUNBOOK_STACKS
from tests.harness.runbook_stacks import graph as runbook_graph
from tests.harness.stacks import stack
from tests.invalid.cases import changed

SETTINGS: Final = PodSettings(
    node_selector={"pool": "mcp"},
    tolerations=[
        Toleration(key="dedicated", value="mcp", effect="NoSchedule"),
        Toleration(key="spot", effect="NoExecute", seconds=60),
    ],
    priority_class="high",
    runtime_class="gvisor",
    labels={"team": "platform"},
    annotations={"sidecar.istio.io/inject": "false"},
    image_pull_secrets=["registry"],
    env={"HTTPS_PROXY": "http://proxy.example.com:3128"},
    secret_env={"VENDOR_KEY": SecretKey(secret="vendor", key="api-key")},
    user_namespaces=True,
)
KINDS: Final = ("Deployment", "StatefulSet", "Job", "CronJob")


def template(kind: str, settings: PodSettings) -> dict[str, Any]:
    """The pod template of a component with these settings."""

    def program() -> None:
        given: dict[str, Any] = {"namespace": "ns", "component": "job", "pods": settings}
        match kind:
            case "Job":
                Job("node", JobArgs(containers=[container()], **given))
            case "CronJob":
                CronJob("node", CronJobArgs(containers=[container()], schedule="@daily", **given))
            case _:
                Workload("node", workload(pods=settings, kind=WorkloadKind(kind)))

    (spec,) = (
        one.inputs["spec"] for one in record(program).resources if one.inputs.get("kind") == kind
    )
    return (spec["jobTemplate"]["spec"] if kind == "CronJob" else spec)["template"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pod_has_the_settings(kind: str):
    made = template(kind, SETTINGS)
    spec = made["spec"]
    assert spec["nodeSelector"] == {"pool": "mcp"}
    assert spec["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "mcp", "effect": "NoSchedule"},
        {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
    ]
    assert spec["priorityClassName"] == "high"
    assert spec["runtimeClassName"] == "gvisor"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["hostUsers"] is False
    assert made["metadata"]["labels"]["team"] == "platform"
    assert made["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    for each in spec["containers"]:
        env = {one["name"]: one for one in each["env"]}
        assert env["HTTPS_PROXY"]["value"] == "http://proxy.example.com:3128"
        reference = {"secretKeyRef": {"name": "vendor", "key": "api-key"}}
        assert env["VENDOR_KEY"]["valueFrom"] == reference


@pytest.mark.parametrize("kind", KINDS)
def test_default_pod_settings_add_no_field(kind: str):
    asked = ("nodeSelector", "tolerations", "priorityClassName", "runtimeClassName")
    asked += ("imagePullSecrets", "hostUsers")
    assert not {*asked} & template(kind, PodSettings())["spec"].keys()


@pytest.mark.parametrize("kind", KINDS)
def test_user_ids_platform_sets_no_id(kind: str):
    """OpenShift's restricted-v2 refuses a pod that names an id outside its namespace's range."""
    spec = template(kind, PodSettings(user_ids=UserIds.PLATFORM))["spec"]
    for context in (spec["securityContext"], *(c["securityContext"] for c in spec["containers"])):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & context.keys()
        assert context["runAsNonRoot"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_user_and_group_ids_are_65534_by_default(kind: str):
    spec = template(kind, PodSettings())["spec"]
    for context in (spec["securityContext"], *(c["securityContext"] for c in spec["containers"])):
        assert (context["runAsUser"], context["runAsGroup"]) == (65534, 65534)
    assert spec["securityContext"]["fsGroup"] == 65534


OURS: Final = [
    ("labels.app", {"labels": {"app": "other"}}),
    ("labels.component", {"labels": {"component": "other"}}),
    ("labels.app.kubernetes.io/name", {"labels": {"app.kubernetes.io/name": "other"}}),
    ("labels.pod-template-hash", {"labels": {"pod-template-hash": "1"}}),
    ("annotations.qudag-mcp/files-checksum", {"annotations": {"qudag-mcp/files-checksum": "1"}}),
    ("annotations.prometheus.io/port", {"annotations": {"prometheus.io/port": "1"}}),
    ("env.POD_NAME", {"env": {"POD_NAME": "a"}}),
    ("env.RUST_LOG", {"env": {"RUST_LOG": "trace"}}),
    ("secret_env.HOME", {"secret_env": {"HOME": SecretKey(secret="a", key="b")}}),
    (
        "env.A: is also in secret_env",
        {"env": {"A": "b"}, "secret_env": {"A": SecretKey(secret="a", key="b")}},
    ),
    ("tolerations[0].seconds", {"tolerations": [Toleration(key="a", seconds=1)]}),
    ("node_selector", {"node_selector": {"a b": "c"}}),
    ("runtime_class", {"runtime_class": "a b"}),
    ("env.A: ", {"env": {"A": "b\nc"}}),
    ("image_pull_secrets[0]", {"image_pull_secrets": ["hunter2!"]}),
]


@pytest.mark.parametrize(("said", "given_"), OURS, ids=lambda value: str(value)[:40])
def test_invalid_pod_settings_are_refused(said: str, given_: dict[str, Any]):
    with pytest.raises(ProblemReport) as report:
        template("Deployment", PodSettings(**given_))
    assert f"node.pods.{said}" in str(report.value)


CREDENTIALS: Final = {
    "HTTPS_PROXY": "http://user:hunter2@proxy.example.com:3128",
    "DB_PASSWORD": "hunter2",
    "VENDOR_API_KEY": "hunter2",
    "GITHUB_TOKEN": "hunter2",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "CONFIG": "ghp_0123456789abcdefghij0123456789abcdef",
    "PEM": "-----BEGIN PRIVATE KEY-----",
    "SESSION": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "SMTP_PASS": "hunter2",
    "GITHUB_PAT": "hunter2",
    "SIGNING_KEY": "hunter2",
    "STRIPE": "rk_live_0123456789abcdef",
    "MAIL": "SG.0123456789abcdefABCDEF.0123456789abcdef",
    "HOOK": "https://hooks.slack.com/services/T0/B0/x",
    "BLOBS": "AccountName=a;AccountKey=aGVsbG8=;EndpointSuffix=core.example",
    "DSN": "Server=db;User=app;Password=hunter2;",
    "FEED": "https://feed.example.com/v1?api_key=hunter2",
    "RANDOM": "q8Zt3vLx1Rk9Wm5Yp7Nc2Bd4Fg6Hj0Ks",
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_variable_with_a_credential_is_refused_without_showing_it(name: str):
    with pytest.raises(ProblemReport) as report:
        template("Deployment", PodSettings(env={name: CREDENTIALS[name]}))
    assert f"node.pods.env.{name}: looks like a credential" in str(report.value)
    assert CREDENTIALS[name] not in str(report.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://proxy.example.com:3128"),
        ("NO_PROXY", ".svc,.cluster.local,10.0.0.0/8,kubernetes.default.svc,169.254.169.254"),
        ("TZ", "Europe/Berlin"),
        ("TOKEN_URL", "https://login.example.com/token"),
        ("PASSWORD_FILE", "/etc/secrets/password"),
        ("SSL_CERT_DIR", "/etc/ssl/certs"),
        ("FEATURES", "one,two,three,four,five,six,seven,eight,nine,ten"),
        ("EMPTY_TOKEN", ""),
        ("PASSTHROUGH", "yes"),
        ("PATH_PATTERN", "/v1/*"),
        ("COMPASS", "north"),
        ("SEARCH_URL", "https://example.com/?q=token&page=1"),
        ("DSN", "Server=db;Password=${DB_PASSWORD};"),
    ],
)
def test_ordinary_variables_are_not_refused_as_credentials(name: str, value: str):
    assert not looks_like_a_credential(name, value)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12))
def test_a_url_with_a_password_is_refused_as_a_credential(password: str):
    assert looks_like_a_credential("PROXY", f"http://user:{password}@proxy.example.com")


OF_USERS: Final = "UserServer"
"""The component whose containers have variables that users name."""
MADE: Final[dict[str, Callable[[], ResourceGraph]]] = {
    **{name: partial(stack, name) for name in STACKS},
    **{f"runbooks of {name}": partial(runbook_graph, name) for name in RUNBOOK_STACKS},
    **{name: partial(recorded_case, *case) for name, case in CASES.items() if name != OF_USERS},
}
"""The stacks, others with backups, logs, traces and exporters, and each component."""


def variables(graph: ResourceGraph) -> set[str]:
    """What the containers have, but those of servers of users, whose variables are their own."""
    token = TYPE_TOKENS[OF_USERS]
    return {
        one["name"]
        for found in pods(graph)
        for each in found.containers
        if not (each["name"] == "server" and token in ancestry(graph, found.owner))
        for one in each.get("env", [])
    }


@pytest.mark.parametrize("name", MADE)
def test_every_variable_that_components_set_is_reserved(name: str):
    """Else a setting of that name would set it twice."""
    for variable in sorted(variables(MADE[name]())):
        settings = PodSettings(secret_env={variable: SecretKey(secret="vendor", key="key")})
        refused = {problem.path: problem.what for problem in settings.refusals()}
        assert refused == {f"secret_env.{variable}": "is set by the component"}


def test_these_stacks_have_the_variables_of_every_kind_of_container():
    found = {
        one for name in ("prod", "runbooks of microservices") for one in variables(MADE[name]())
    }
    assert found >= {"POD_NAME", "DATA_SOURCE_NAME", "REDIS_PASSWORD", "PGPORT", "OWNER", "WORK"}


def test_a_server_may_have_variables_of_an_exporter_or_a_backup_of_its_own_store():
    own = {*EXPORTER_VARIABLES, *BACKUP_VARIABLES}
    secret_env = dict.fromkeys(own, "store/value")
    weather = {"image": "ghcr.io/acme/weather:1", "secretEnv": secret_env}
    config = validate(changed("dev", {"servers": {"weather": weather}}))
    assert config.servers["weather"].secret_env.keys() == own
