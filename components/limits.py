"""What clouds publish that they cannot give: each number with the document that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .problems import Problem, ProblemReport


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound that a cloud publishes.

    Attributes:
        of: what is bounded, in the cloud's words.
        most: the largest that may be asked for.
        unit: of both numbers.
        source: the cloud's document that says so.
        least: the smallest.
    """

    of: str
    most: int
    unit: str
    source: str
    least: int = 0

    def problems(self, path: str, value: int, *, fix: str) -> list[Problem]:
        """Why ``value`` cannot be, if it cannot: nothing or one problem."""
        if self.least <= value <= self.most:
            return []
        allowed = f"{self.least} to {self.most}" if self.least else f"at most {self.most}"
        what = f"asks for {value} {self.unit}, and {self.of} may be {allowed}"
        return [Problem(path, what, f"the cloud refuses it ({self.source})", fix)]


GCP_FUNCTION_TIMEOUT: Final = Limit(
    of="the time of an HTTP function",
    most=3600,
    unit="s",
    source="Cloud Run functions, Quotas, Time limits",
    least=1,
)
CLOUD_RUN_TIMEOUT: Final = Limit(
    of="the time of a request",
    most=3600,
    unit="s",
    source="Cloud Run, Quotas and limits",
    least=1,
)
CLOUD_RUN_CONCURRENCY: Final = Limit(
    of="the requests at once to an instance",
    most=1000,
    unit="requests",
    source="Cloud Run, Maximum concurrent requests per instance",
    least=1,
)
AZURE_FUNCTION_RESPONSE: Final = Limit(
    of="the time to the answer of an HTTP trigger",
    most=230,
    unit="s",
    source="Azure Functions, Function app timeout duration",
    least=1,
)
AZURE_CONTAINER_APP_REQUEST: Final = Limit(
    of="the time of a request through the environment's ingress",
    most=240,
    unit="s",
    source="Azure Container Apps, Ingress, HTTP",
    least=1,
)
AZURE_CONTAINER_APP_GRACE: Final = Limit(
    of="terminationGracePeriodSeconds",
    most=600,
    unit="s",
    source="Azure Container Apps, Application lifecycle, Shutdown",
    least=1,
)
AZURE_FUNCTION_TIMEOUT: Final = Limit(
    of="functionTimeout in the archive's host.json",
    most=300,
    unit="s",
    source="host.json of the archive: 5 minutes",
    least=1,
)


def refuse(problems: Iterable[Problem]) -> None:
    """Raises what was found, all at once; nothing when nothing was.

    Raises:
        ProblemReport: there is a problem.
    """
    if found := list(problems):
        raise ProblemReport(found)
