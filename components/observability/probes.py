"""What a client meets at the public address, as modules of blackbox_exporter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ..base.arg_types import OneLine, ScopeName, Text, ToolName, Url, Word
from ..base.forms import names_a_credential
from ..base.problems import Problem
from ..mcp.secret_key import SecretKey
from .re2 import re2_problem

TIMEOUT: Final = "10s"
UNAUTHORIZED: Final = "unauthorized"
METADATA: Final = "metadata"
DISCOVERY: Final = "discovery"
TOOL_CALL: Final = "tool-call"
MODERN: Final = "2026-07-28"
"""Newest revision, which needs no session."""
_META: Final = "io.modelcontextprotocol"
_CLIENT: Final = {"name": "blackbox-exporter", "version": "1"}


@dataclass(frozen=True, kw_only=True)
class ProbeToken:
    """How probes get a token: client credentials (RFC 6749, 4.4), anew for each probe.

    Attributes:
        url: token endpoint of the issuer.
        client_id: of the client.
        client_secret: key with its secret.
        scopes: of the token that is requested.
        parameters: of the request, besides ``resource`` (RFC 8707), which is the MCP endpoint.
        ca: key with the CA that signs the certificate of the issuer; None: the public
            CAs of the image.
    """

    url: Url
    client_id: OneLine
    client_secret: SecretKey
    scopes: Sequence[ScopeName] = ()
    parameters: Mapping[Word, OneLine] = field(default_factory=dict[str, str])
    ca: SecretKey | None = None

    def refusals(self) -> Iterator[Problem]:
        """Parameters that are set elsewhere, and those that are credentials."""
        for name in self.parameters:
            if refused := refused_parameter(name):
                yield Problem(f"parameters[{name}]", *refused)


def refused_parameter(name: str) -> tuple[str, str, str] | None:
    """Why a token request has no further parameter of this name; what, consequence and fix."""
    if instead := _SET_ELSEWHERE.get(name.lower()):
        return "is a parameter that each request has", "one of the two would be lost", instead
    if names_a_credential(name) or name.lower().endswith("assertion"):
        return (
            "is the name of a credential",
            "it would be stored in a ConfigMap",
            "remove it, and change that credential; the client logs in with its secret",
        )
    return None


_SET_ELSEWHERE: Final = {
    "resource": "remove it: it is the MCP endpoint, for which the token must be",
    "scope": "remove it, and name the scopes in scopes",
    "client_id": "remove it: it is sent already",
    "client_secret": "remove it, and change that secret: it is read from a Secret",
    "grant_type": "remove it: it is client_credentials",
}
"""Parameters of a token request that are not further ones, each with what to do."""


@dataclass(frozen=True, kw_only=True)
class ProbedTool:
    """A tool that a probe calls. It must change nothing: it is called at each probe.

    Attributes:
        name: of the tool.
        answer: regular expression (RE2) that its answer must match.
        arguments: of the call, a JSON object.
    """

    name: ToolName
    answer: OneLine
    arguments: Text = "{}"

    def refusals(self) -> Iterator[Problem]:
        """Arguments that are no JSON object, and an expression that cannot be compiled."""
        try:
            given: object = json.loads(self.arguments)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            yield Problem(
                "arguments",
                "is not a JSON object",
                "the server would answer each call with an error",
                'write an object, such as {"city": "Paris"}, or leave it out',
            )
        if why := re2_problem(self.answer):
            yield Problem(
                "answer",
                f"is not a valid RE2 expression: {why}",
                "blackbox_exporter would not start",
                "write an expression of RE2, such as sunny|rain",
            )


@dataclass(frozen=True, kw_only=True)
class TokenProbes:
    """What probes with a token ask.

    Attributes:
        token: how they get one.
        secret_file: with the secret of the client.
        ca_file: of the issuer's certificate; None: public ones.
        tool: that is called; None: none is.
    """

    token: ProbeToken
    secret_file: str
    ca_file: str | None
    tool: ProbedTool | None


def blackbox_config(
    mcp_url: str,
    prm_url: str,
    host: str,
    ca_file: str | None,
    asked: TokenProbes | None = None,
) -> str:
    """The content of blackbox.yml.

    The address that is asked is a parameter of the probe; ``host`` is the name that its
    certificate must be for, whatever that address is.

    Args:
        mcp_url: the MCP endpoint, as clients know it.
        prm_url: its protected-resource metadata (RFC 9728).
        host: of these URLs.
        ca_file: CA that signs the certificate; None: those of the image.
        asked: with a token; None: nothing is.
    """
    tls = {"server_name": host, **({"ca_file": ca_file} if ca_file else {})}
    made = {
        UNAUTHORIZED: {
            "method": "POST",
            "headers": _headers(host, _JSON),
            "body": "{}",
            "valid_status_codes": [401],
            "fail_if_header_not_matches": [
                {
                    "header": "WWW-Authenticate",
                    "regexp": f'resource_metadata="{re.escape(prm_url)}"',
                    "allow_missing": False,
                }
            ],
        },
        METADATA: {
            "method": "GET",
            "headers": _headers(host, {}),
            "valid_status_codes": [200],
            "fail_if_body_json_not_matches_cel": f"body.resource == {json.dumps(mcp_url)}",
        },
        **(_with_token(asked, mcp_url, host) if asked else {}),
    }
    modules: dict[str, Any] = {
        name: {
            "prober": "http",
            "timeout": TIMEOUT,
            "http": {
                **http,
                "fail_if_not_ssl": True,
                "follow_redirects": False,
                "tls_config": tls,
            },
        }
        for name, http in made.items()
    }
    return json.dumps({"modules": modules}, indent=1) + "\n"


_JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json"}


def _headers(host: str, further: Mapping[str, str]) -> dict[str, str]:
    return {"Host": host, "Accept": "application/json, text/event-stream", **further}


def _with_token(asked: TokenProbes, mcp_url: str, host: str) -> dict[str, dict[str, Any]]:
    """The modules that send a token."""
    token = asked.token
    oauth2: dict[str, Any] = {
        "client_id": token.client_id,
        "client_secret_file": asked.secret_file,
        "token_url": token.url,
        "endpoint_params": {"resource": mcp_url, **token.parameters},
    }
    if token.scopes:
        oauth2["scopes"] = list(token.scopes)
    if asked.ca_file:
        oauth2["tls_config"] = {"ca_file": asked.ca_file}
    shared = {"method": "POST", "valid_status_codes": [200], "oauth2": oauth2}
    found = {
        DISCOVERY: {
            **shared,
            **_modern(host, "server/discover", {}, {}),
            "fail_if_body_not_matches_regexp": [r'"supportedVersions"\s*:'],
        }
    }
    if tool := asked.tool:
        arguments = cast("Mapping[str, Any]", json.loads(tool.arguments))
        call = {"name": tool.name, "arguments": arguments}
        found[TOOL_CALL] = {
            **shared,
            **_modern(host, "tools/call", {"Mcp-Name": tool.name}, call),
            "fail_if_body_not_matches_regexp": [tool.answer],
            # The answer of a tool that failed may match by chance.
            "fail_if_body_matches_regexp": [r'"isError"\s*:\s*true'],
        }
    return found


def _modern(
    host: str, method: str, headers: Mapping[str, str], params: Mapping[str, Any]
) -> dict[str, Any]:
    """A request of MCP 2026-07-28."""
    meta = {
        f"{_META}/protocolVersion": MODERN,
        f"{_META}/clientInfo": _CLIENT,
        f"{_META}/clientCapabilities": {},
    }
    stated = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **headers}
    return {
        "headers": _headers(host, {**_JSON, **stated}),
        "body": json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}}
        ),
    }
