"""Whether a platform that is up serves as it should, seen from where its clients are."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
from mcp_types import Tool

from components.base.problems import Problem, ProblemReport

from . import local_secrets
from .checks import (
    Check,
    CheckStatus,
    NotCheckedError,
    authorization,
    check,
    data_and_dependencies,
    mcp_protocol,
    not_checked,
    tls_and_redirect,
)
from .cluster import Cluster
from .kubectl import Kubectl
from .mcp_client import Endpoint, Era, eras, is_private, mint
from .outputs import Deployed, reachable
from .progress import Progress

SECONDS = 20.0
"""How long a ready platform may take until all holds: rules, routes and addresses settle."""

_ASK_SECONDS = 10.0
_NO_TOKEN = "no token can be made here for its issuer: --token, or QUDAG_MCP_TOKEN"  # noqa: S105
_SUBJECT = "qudag-mcp-verify"
_WITHOUT_TOKEN = ("401 without a token", "metadata")
_DATA = "stored data"


def verify_after_up(deployed: Deployed, cluster: Cluster, progress: Progress) -> str:
    """What ``up`` asks at its end; what was found, in a few words.

    Raises:
        ProblemReport: all that still failed after several tries.
    """
    with progress.step("Checks as its clients would") as step:
        if "mcp_url" not in deployed.outputs:
            step.result = "none: the program exports no mcp_url"
            return step.result
        deadline = time.monotonic() + SECONDS
        while True:
            checks = run_checks(deployed, cluster.kubectl)
            failed = problems(checks)
            if not failed:
                step.result = summary(checks)
                return step.result
            if time.monotonic() > deadline:
                raise ProblemReport(failed)
            progress.say(failed[0].what[:100])
            time.sleep(1.0)


def run_checks(
    deployed: Deployed, kubectl: Kubectl, era: Era | None = None, bearer: str | None = None
) -> list[Check]:
    """All checks, in the order in which a client meets what they are about.

    Args:
        era: the one to speak; each that is served when absent.
        bearer: a token; one of the local issuer when absent.
    """
    with reachable(deployed.outputs["mcp_url"], deployed, kubectl) as url:
        return list(_checks(deployed, kubectl, url, era, bearer))


def _checks(
    deployed: Deployed, kubectl: Kubectl, url: str, era: Era | None, bearer: str | None
) -> Iterator[Check]:
    outputs = deployed.outputs
    prm_url = _with_host_of(url, outputs.get("prm_url"))
    forwarded = url != outputs["mcp_url"]
    tls = check("TLS", lambda: tls_and_redirect.tls(url, deployed.ca_file))
    yield tls
    yield check("plain HTTP", lambda: tls_and_redirect.redirect(url, forwarded=forwarded))
    spoken_eras = [era] if era else eras(outputs["era"])
    if tls.status is CheckStatus.FAILED:
        why = "there is no TLS connection to ask over"
        names = [
            *_WITHOUT_TOKEN,
            *(step for one in spoken_eras for step in mcp_protocol.steps(one)),
            _DATA,
        ]
        yield from (not_checked(name, why) for name in names)
    else:
        with _client(url, deployed.ca_file) as http:
            refused, described = _WITHOUT_TOKEN
            yield check(refused, lambda: authorization.refusal(http, url, prm_url))
            yield check(
                described,
                lambda: authorization.metadata(http, prm_url, url, outputs.get("issuer")),
            )
        token = bearer or _token(outputs, kubectl)
        yield from _with_token(
            Endpoint(url=url, token=token or "", ca_file=deployed.ca_file), spoken_eras
        )
    yield check("dependencies", lambda: _dependencies(outputs, kubectl))


def _client(url: str, ca_file: str | None) -> httpx2.Client:
    """For requests without a token."""
    trust = ssl.create_default_context(cafile=ca_file)
    return httpx2.Client(verify=trust, timeout=_ASK_SECONDS, trust_env=not is_private(url))


def _with_token(endpoint: Endpoint, spoken_eras: Sequence[Era]) -> Iterator[Check]:
    """What a client with a token meets: the protocol in each era, then its data."""
    if not endpoint.token:
        names = [*(step for era in spoken_eras for step in mcp_protocol.steps(era)), _DATA]
        yield from (not_checked(name, _NO_TOKEN) for name in names)
        return
    keeper: tuple[Era, list[Tool]] | None = None
    for era in spoken_eras:
        found, tools = asyncio.run(mcp_protocol.check_era(endpoint, era))
        yield from found
        keeper = keeper or ((era, tools) if tools else None)
    if keeper is None:
        yield not_checked(_DATA, "no tools were listed")
    else:
        era, tools = keeper
        yield check(_DATA, lambda: asyncio.run(data_and_dependencies.row(endpoint, era, tools)))


def _dependencies(outputs: Mapping[str, Any], kubectl: Kubectl) -> str:
    if "namespace" not in outputs:
        raise NotCheckedError("the program exports no namespace")
    return data_and_dependencies.dependencies(kubectl, outputs["namespace"])


def _token(outputs: Mapping[str, Any], kubectl: Kubectl) -> str | None:
    """A token of the local issuer; None where there is none, or it may not be read."""
    if not {"namespace", "issuer", "audience"} <= set(outputs):
        return None
    private = local_secrets.signer_key(kubectl, outputs["namespace"])
    if private is None:
        return None
    issuer, audience = outputs["issuer"], outputs["audience"]
    return mint(private, issuer=issuer, audience=audience, subject=_SUBJECT)


def _with_host_of(url: str, other: str | None) -> str:
    """``other`` as it is reached where ``url`` is; the place RFC 9728 gives it when absent."""
    here = urlsplit(url)
    path = urlsplit(other).path if other else f"/.well-known/oauth-protected-resource{here.path}"
    return urlunsplit((here.scheme, here.netloc, path, "", ""))


def problems(checks: Sequence[Check]) -> list[Problem]:
    """All that is wrong."""
    return [problem for one in checks for problem in one.problems]


def summary(checks: Sequence[Check]) -> str:
    """What was found, in a few words."""
    counts = {how: sum(one.status is how for one in checks) for how in CheckStatus}
    return ", ".join(f"{count} {how.value}" for how, count in counts.items() if count)
