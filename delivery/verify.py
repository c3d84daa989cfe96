"""Runs the checks of a deployed platform from a client's side."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
from mcp_types import Tool

from components.base.problems import Problem, ProblemReport

from . import local_secrets
from .called_server import CalledServer, all_servers, called_server
from .checks import (
    Check,
    CheckStatus,
    NotCheckedError,
    authorization,
    check,
    data_and_dependencies,
    mcp_protocol,
    not_checked,
    secret_ages,
    tls_and_redirect,
)
from .cluster import Cluster
from .kubectl import Kubectl
from .mcp_client import Endpoint, Era, eras, is_private, mint
from .outputs import Deployed, reachable
from .progress import Progress
from .target_checks import WITHOUT_TOKEN, addresses, check_targets

SECONDS = 20.0
"""How long the checks are retried: network rules, routes and addresses take time to apply."""

_ASK_SECONDS = 10.0
_NO_TOKEN = "no token can be created here for its issuer: --token, or QUDAG_MCP_TOKEN"  # noqa: S105
_OWN_TOKENS = "it checks tokens itself (auth: server): qudag-mcp verify SERVER --token"
_TOKEN_OF_PLATFORM = "the token is the platform's: qudag-mcp verify SERVER with one of its own"  # noqa: S105
_SUBJECT = "qudag-mcp-verify"
_DATA = "stored data"


def verify_after_up(deployed: Deployed, cluster: Cluster, progress: Progress) -> str:
    """Run the checks until they pass; returns a summary.

    Raises:
        ProblemReport: the checks that still fail after ``SECONDS``.
    """
    with progress.step("Checks as its clients would") as step:
        if "mcp_url" not in deployed.outputs:
            step.result = "none: the program exports no `mcp_url`"
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
    """Run all checks, in the order of a client's steps.

    Args:
        era: the era to check; by default each era that is served.
        bearer: a token for the platform; by default one from the local issuer.
    """
    targets = called_server(deployed.outputs, None).targets
    platform = _trusting(deployed, deployed.outputs["mcp_url"], targets)
    with reachable(deployed.outputs["mcp_url"], deployed, kubectl) as url:
        checks = list(_checks(platform, kubectl, url, era, bearer))
    checks += secret_ages.check_ages(kubectl, deployed.outputs)
    checks += check_targets(targets)
    for server in all_servers(deployed.outputs):
        unreachable = checks[0].status is CheckStatus.FAILED
        why = "the TLS connection failed" if unreachable else bearer and _TOKEN_OF_PLATFORM
        checks += check_server(deployed, kubectl, server, era, without=why or None)
    return checks


def check_server(
    deployed: Deployed,
    kubectl: Kubectl,
    server: CalledServer,
    era: Era | None = None,
    bearer: str | None = None,
    *,
    without: str | None = None,
) -> list[Check]:
    """Run the checks of one server of the section ``servers``.

    Args:
        era: the era to check; by default each era that the server serves.
        bearer: a token for this server; by default one from the local issuer.
        without: why nothing that needs a token is checked.
    """
    outputs = deployed.outputs
    deployed = _trusting(deployed, server.mcp_url, server.targets)
    with reachable(server.mcp_url, deployed, kubectl) as url:
        prm_url = _with_host_of(url, server.prm_url)
        spoken = [era] if era in eras(server.era) else eras(server.era)
        own = server.auth == "server"
        checks = (
            [not_checked(name, _OWN_TOKENS) for name in WITHOUT_TOKEN]
            if own
            else _metadata_checks(deployed, url, prm_url)
        )
        without = without or (_OWN_TOKENS if own and not bearer else None)
        names = [step for one in spoken for step in mcp_protocol.steps(one)]
        token = None if without else bearer or _token(outputs, kubectl, url, server.scopes)
        if token is None:
            checks += [not_checked(name, without or _NO_TOKEN) for name in names]
        else:
            endpoint = Endpoint(url=url, token=token, ca_file=deployed.ca_file)
            for one in spoken:
                found, _ = asyncio.run(mcp_protocol.check_era(endpoint, one, has_echo=False))
                checks += found
    named = [replace(one, what=f"{server.name}: {one.what}") for one in checks]
    return [*named, *check_targets(server.targets, server.name)]


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
        why = "the TLS connection failed"
        names = [
            *WITHOUT_TOKEN,
            *(step for one in spoken_eras for step in mcp_protocol.steps(one)),
            _DATA,
        ]
        yield from (not_checked(name, why) for name in names)
    else:
        yield from _metadata_checks(deployed, url, prm_url)
        token = bearer or _token(outputs, kubectl, url, called_server(outputs, None).scopes)
        yield from _with_token(
            Endpoint(url=url, token=token or "", ca_file=deployed.ca_file), spoken_eras
        )
    yield check("dependencies", lambda: _dependencies(outputs, kubectl))


def _metadata_checks(deployed: Deployed, url: str, prm_url: str) -> list[Check]:
    """What a client without a token meets."""
    issuer = deployed.outputs.get("issuer")
    refused, described = WITHOUT_TOKEN
    with _client(url, deployed.ca_file) as http:
        return [
            check(refused, lambda: authorization.refusal(http, url, prm_url)),
            check(described, lambda: authorization.metadata(http, prm_url, url, issuer)),
        ]


def _trusting(deployed: Deployed, url: str, targets: Mapping[str, Mapping[str, Any]]) -> Deployed:
    """With the CA of the gateway, unless the address is one in a cloud."""
    return replace(deployed, ca_file=None) if url in addresses(targets) else deployed


def _client(url: str, ca_file: str | None) -> httpx2.Client:
    """An HTTP client for requests without a token."""
    trust = ssl.create_default_context(cafile=ca_file)
    return httpx2.Client(verify=trust, timeout=_ASK_SECONDS, trust_env=not is_private(url))


def _with_token(endpoint: Endpoint, spoken_eras: Sequence[Era]) -> Iterator[Check]:
    """The checks that need a token: MCP in each era, then stored data."""
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
    namespaces = outputs.get("namespaces") or [outputs["namespace"]]
    return data_and_dependencies.dependencies(kubectl, namespaces)


def _token(
    outputs: Mapping[str, Any], kubectl: Kubectl, url: str, scopes: Sequence[str]
) -> str | None:
    """A token from the local issuer for the URL that is called, with these scopes.

    None if there is no local issuer, or its key is unreadable.
    """
    if not {"namespace", "issuer"} <= set(outputs):
        return None
    private = local_secrets.signer_key(kubectl, outputs["namespace"])
    if private is None:
        return None
    return mint(
        private, issuer=outputs["issuer"], audience=url, subject=_SUBJECT, scope=" ".join(scopes)
    )


def _with_host_of(url: str, other: str | None) -> str:
    """``other`` with the host of ``url``; by default the metadata URL of RFC 9728."""
    here = urlsplit(url)
    path = urlsplit(other).path if other else f"/.well-known/oauth-protected-resource{here.path}"
    return urlunsplit((here.scheme, here.netloc, path, "", ""))


def problems(checks: Sequence[Check]) -> list[Problem]:
    """The problems of all failed checks."""
    return [problem for one in checks for problem in one.problems]


def summary(checks: Sequence[Check]) -> str:
    """The number of checks per result, as text."""
    counts = {how: sum(one.status is how for one in checks) for how in CheckStatus}
    return ", ".join(f"{count} {how.value}" for how, count in counts.items() if count)
