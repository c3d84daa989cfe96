"""KEDA scales a stack by the stack's own Prometheus, with TLS and a login as both are rendered."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from delivery.kubectl import Kubectl, Object
from delivery.progress import Progress
from tests.controllers import own_prometheus_stack
from tests.controllers.own_prometheus_stack import ADDRESS, HOST, LOGIN, NAMESPACE
from tests.controllers.scaled_stack import CORE, STREAMS, ScaledStack
from tests.controllers.test_keda_scaling import (
    FALLS_BACK_WITHIN_SECONDS,
    SCALES_WITHIN_SECONDS,
    WORKLOAD,
    open_streams,
    scaled,
    shown,
)
from tests.harness.apiserver import ApiServer
from tests.harness.network import can_isolate
from tests.harness.own_prometheus import ANOTHER, PASSWORD, USER, OwnPrometheus, own_prometheus
from tests.harness.server import RunningServer

pytestmark = pytest.mark.skipif(
    not can_isolate(), reason="needs root: KEDA resolves the name of the Service by /etc/hosts"
)
PORT: Final = 9090
"""Of the Service that KEDA is told to query."""
REFUSED: Final = "prometheus query api returned error. status: 401"
"""What KEDA logs of a query that Prometheus refuses."""


@pytest.fixture(scope="module")
def prometheus(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[OwnPrometheus]:
    target = server.metrics_url.removeprefix("http://").removesuffix("/metrics")
    labels = {"namespace": NAMESPACE, "pod": f"{WORKLOAD}-7d9f8b6c5-x2x4z"}
    with own_prometheus(
        own_prometheus_stack.graph(),
        tmp_path_factory.mktemp("own-prometheus"),
        names=(HOST,),
        host=ADDRESS,
        port=PORT,
        scraped=[(target, labels)],
    ) as running:
        yield running


@pytest.fixture(scope="module")
def stack(api_server: ApiServer, running_keda: None, prometheus: OwnPrometheus) -> ScaledStack:
    del running_keda
    context = api_server.kubectl("config", "current-context").stdout.strip()
    kubectl = Kubectl(api_server.programs / "kubectl", context, api_server.kubeconfig)
    made = ScaledStack(
        api_server,
        kubectl,
        Progress(Console(file=io.StringIO())),
        prometheus=f"https://{HOST}:{PORT}",
        name=own_prometheus_stack.NAME,
        namespace=NAMESPACE,
        render=own_prometheus_stack.rendered,
    )
    made.prepare()
    authority = prometheus.authority.ca_file.read_bytes()
    write(api_server, secret("mcp-internal-ca", {"ca.crt": authority}))
    write(api_server, login(PASSWORD))
    made.deploy()
    return made


def secret(name: str, values: dict[str, bytes]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value).decode() for key, value in values.items()},
    }


def login(password: str) -> Object:
    """The Secret as docs/how-to/scale.md creates it in the platform's namespace."""
    return secret(LOGIN, {"username": USER.encode(), "password": password.encode()})


def write(server: ApiServer, thing: Object) -> None:
    """Create an object of the user, or change it."""
    done = server.apply(json.dumps(thing))
    assert done.returncode == 0, done.stderr


def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What KEDA's operator has logged."""
    (log,) = Path(tmp_path_factory.getbasetemp()).glob("keda[0-9]*/operator.log")
    return log.read_text()


async def test_pods_follow_a_query_while_the_login_is_right_and_stay_while_it_is_wrong(
    stack: ScaledStack,
    server: RunningServer,
    prometheus: OwnPrometheus,
    tmp_path_factory: pytest.TempPathFactory,
):
    few, many, most = CORE["min"], 4, CORE["max"]
    before = await scaled(stack, lambda: stack.pods(WORKLOAD) == few, SCALES_WITHIN_SECONDS)
    assert stack.is_ready(WORKLOAD)
    trigger = stack.get("scaledobject.keda.sh", WORKLOAD)["spec"]["triggers"][0]["metadata"]
    assert trigger["serverAddress"] == f"https://{HOST}:{PORT}"
    assert REFUSED not in said(tmp_path_factory)

    async with open_streams(server, many * STREAMS):
        out = await scaled(stack, lambda: stack.pods(WORKLOAD) == many, SCALES_WITHIN_SECONDS)
        assert out[-1].pods == many
        # Another password at Prometheus alone: KEDA's is wrong from now on.
        prometheus.accept(ANOTHER)
        async with open_streams(server, (most - many) * STREAMS):

            def falls_back() -> bool:
                return stack.condition(WORKLOAD, "Fallback").get("status") == "True"

            lost = await scaled(stack, falls_back, FALLS_BACK_WITHIN_SECONDS)
            assert falls_back()
            assert {sample.pods for sample in lost} == {many}
            assert prometheus.value("sum(mcp_open_streams)", ANOTHER) == most * STREAMS
            assert REFUSED in said(tmp_path_factory)
            # KEDA reads the Secret again after a failed query: it is not restarted.
            write(stack.server, login(ANOTHER))
            again = await scaled(stack, lambda: stack.pods(WORKLOAD) == most, SCALES_WITHIN_SECONDS)
            assert again[-1].pods == most
    back = await scaled(stack, lambda: stack.pods(WORKLOAD) == few, SCALES_WITHIN_SECONDS)
    shown([*before, *out, *lost, *again, *back])
    assert back[-1].pods == few
