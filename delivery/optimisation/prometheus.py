"""Asks a Prometheus what the pods of a workload used."""

from __future__ import annotations

import base64
import math
import re
import ssl
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from components.base.problems import Problem, ProblemReport

from .. import process
from ..kubectl import Kubectl
from ..option_values import without_password
from .usage import Point, Usage
from .workload_sizes import SizedWorkload

MAX_POINTS: Final = 2000
MIN_STEP_SECONDS: Final = 15
ASK_SECONDS: Final = 60
NOT_KNOWN: Final = "it is not known what the pods used"
_FORWARDED: Final = re.compile(r"127\.0\.0\.1:(\d+)")
_SAFE: Final = "[bcdfghjklmnpqrstvwxz2456789]"
"""Letters and digits that Kubernetes puts into names of pods."""


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """The HTTP API of a Prometheus.

    Attributes:
        url: without a slash at the end.
        ca: PEM of the CA of its certificate; None: a public one, or plain HTTP.
        name: name in its certificate, where that is not in the URL.
        token: bearer token; None: none.
        login: user and password; None: none.
    """

    url: str
    ca: str | None = None
    name: str | None = None
    token: str | None = None
    login: tuple[str, str] | None = field(default=None, repr=False)

    def series(self, query: str, window: float, step: float) -> list[dict[str, Any]]:
        """The series that a query has in a window that ends now.

        Raises:
            ProblemReport: it does not answer, or refuses the query.
        """
        end = time.time()
        asked = {"query": query, "start": end - window, "end": end, "step": step}
        data = self._get("/api/v1/query_range", asked)
        found: list[dict[str, Any]] = data["result"]
        return found

    def points(self, query: str, window: float, step: float) -> list[Point]:
        """The points of a query that has one series at most."""
        found = self.series(query, window, step)
        return [(float(at), float(value)) for at, value in found[0]["values"]] if found else []

    def count(self, query: str) -> int | None:
        """The value of a query with one series, rounded up; None without any."""
        found = self._get("/api/v1/query", {"query": query})["result"]
        return math.ceil(float(found[0]["value"][1])) if found else None

    def _get(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        trusted: ssl.SSLContext | bool = True
        if self.ca is not None:
            trusted = ssl.create_default_context(cadata=self.ca)
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            with httpx2.Client(
                verify=trusted, trust_env=False, timeout=ASK_SECONDS, auth=self.login
            ) as client:
                answer = client.get(
                    self.url + path,
                    params={key: str(value) for key, value in asked.items()},
                    headers=headers,
                    extensions={"sni_hostname": self.name} if self.name else {},
                )
            if answer.status_code == 401:
                raise self._refused("refused the login (401)")
            said = answer.json()
            if said.get("status") == "success":
                return said["data"]
            raise self._refused(f"refused the query: {said.get('error', answer.text)[:300]}")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._refused(f"does not answer: {error}") from None
        except (ValueError, KeyError, AttributeError):
            raise self._refused("answered something that is no answer of Prometheus") from None

    def _refused(self, what: str) -> ProblemReport:
        return ProblemReport(
            [
                Problem(
                    without_password(self.url),
                    what,
                    NOT_KNOWN,
                    "check the address and the login with curl; --prometheus names another one",
                )
            ]
        )


@contextmanager
def forwarded(
    kubectl: Kubectl, namespace: str, workload: str, port: int, secret: str, *, login: str | None
) -> Generator[Prometheus]:
    """The platform's own Prometheus, through a tunnel of kubectl.

    Args:
        kubectl: of the cluster.
        namespace: of Prometheus.
        workload: the name of its StatefulSet.
        port: at which it listens.
        secret: Secret whose ``ca.crt`` signs its certificate.
        login: Secret with ``username`` and ``password``; None: it asks for none.

    Raises:
        ProblemReport: there is no such workload or Secret, or the tunnel cannot be opened.
    """
    ca = _value(kubectl, namespace, secret, "ca.crt")
    known = login and (
        _value(kubectl, namespace, login, "username"),
        _value(kubectl, namespace, login, "password"),
    )
    argv = kubectl.argv(
        "port-forward", f"--namespace={namespace}", f"statefulset/{workload}", f":{port}"
    )
    with process.background(argv) as lines:
        for line in lines:
            if found := _FORWARDED.search(line):
                yield Prometheus(
                    url=f"https://127.0.0.1:{found[1]}",
                    ca=ca,
                    name=f"{workload}-service.{namespace}.svc",
                    login=known or None,
                )
                return
        raise ProblemReport(
            [
                Problem(
                    f"statefulset/{workload}",
                    f"kubectl opened no tunnel to it in {namespace}",
                    NOT_KNOWN,
                    f"kubectl -n {namespace} get pods -l app={workload}",
                )
            ]
        )


def _value(kubectl: Kubectl, namespace: str, secret: str, key: str) -> str:
    """The value of a key of a Secret."""
    path = "jsonpath={.data." + key.replace(".", "\\.") + "}"
    encoded = kubectl.must("get", "secret", secret, f"--namespace={namespace}", f"--output={path}")
    return base64.b64decode(encoded).decode()


def usage_of(prometheus: Prometheus, workload: SizedWorkload, window: float) -> Usage | None:
    """What a workload used; None if this Prometheus has nothing about it.

    Metrics of containers come first. Where there are none, those of the server's process stand for
    a container with one process.

    Args:
        prometheus: which is asked.
        workload: of the stack.
        window: seconds until now.
    """
    step = max(MIN_STEP_SECONDS, -(-window // MAX_POINTS))
    over = f"[{max(300, int(4 * step))}s]" if window > 3600 else f"[{max(60, int(4 * step))}s]"
    within = f"[{int(step)}s]"
    pods = f"^{re.escape(workload.name)}-([0-9]+|[a-z0-9]{{1,10}}-{_SAFE}{{5}})$".replace(
        "\\", "\\\\"
    )
    container = (
        f'{{namespace="{workload.namespace}",pod=~"{pods}",container="{workload.container}"}}'
    )
    own = f'{{namespace="{workload.namespace}",job="{workload.name}",exporter="server"}}'
    sources = [(CONTAINERS, CONTAINER_QUERIES, container)]
    if workload.one_process:
        sources.append(("metrics of its process", PROCESS_QUERIES, own))
    for source, queries, matchers in sources:
        known = {"SELECTED": matchers, "RATE": over, "WITHIN": within}
        got = {
            name: prometheus.points(_filled(query, known), window, step)
            for name, query in queries.items()
        }
        if got["cpu"] and got["memory"]:
            kills = _filled(KILLED, {"SELECTED": matchers, "WINDOW": f"[{int(window)}s]"})
            return Usage(
                source=source,
                step=step,
                cpu=got["cpu"],
                cpu_of_all=got["cpu_of_all"],
                memory=got["memory"],
                pods=got["pods"],
                throttled=got.get("throttled", ()),
                killed=prometheus.count(kills) if source == CONTAINERS else None,
            )
    return None


def _filled(query: str, words: Mapping[str, str]) -> str:
    for word, text in words.items():
        query = query.replace(word, text)
    return query


CONTAINERS: Final = "metrics of its containers"
KILLED: Final = "sum(increase(container_oom_events_totalSELECTEDWINDOW))"
CONTAINER_QUERIES: Final = {
    "cpu": "max(sum by (pod) (rate(container_cpu_usage_seconds_totalSELECTEDRATE)))",
    "cpu_of_all": "sum(rate(container_cpu_usage_seconds_totalSELECTEDRATE))",
    "memory": "max(max by (pod) (max_over_time(container_memory_working_set_bytesSELECTEDWITHIN)))",
    "pods": "count(count by (pod) (container_memory_working_set_bytesSELECTED))",
    "throttled": (
        "max(sum by (pod) (rate(container_cpu_cfs_throttled_periods_totalSELECTEDRATE))"
        " / sum by (pod) (rate(container_cpu_cfs_periods_totalSELECTEDRATE)))"
    ),
}
PROCESS_QUERIES: Final = {
    "cpu": "max(sum by (pod) (rate(process_cpu_seconds_totalSELECTEDRATE)))",
    "cpu_of_all": "sum(rate(process_cpu_seconds_totalSELECTEDRATE))",
    "memory": "max(max by (pod) (max_over_time(process_resident_memory_bytesSELECTEDWITHIN)))",
    "pods": "count(count by (pod) (process_resident_memory_bytesSELECTED))",
}
