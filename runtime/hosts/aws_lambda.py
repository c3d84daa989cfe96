"""The server as an AWS Lambda function: converts Lambda events to requests and back.

HTTP events come from API Gateway's HTTP APIs and from function URLs, both in payload format 2.0
("Working with AWS Lambda proxy integrations for HTTP APIs", "Invoking Lambda function URLs"). This
module returns whole responses; `streaming` sends them in chunks.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import time
from typing import Any
from urllib.parse import unquote

from ..logs import event as log_event
from ..request_filters import object_or_empty
from ..stores import aws
from ..toml_config import ConfigError, StartError
from .aws_invocation import Context, Event, seconds_left
from .bridge import Answer, Bridge, CutError, Request
from .hosted_application import HostedApplication

SECRETS = "QUDAG_MCP_SECRETS"
"""Environment variable with a JSON object: variable name to secret ARN. `:key` after the ARN
selects a key of a JSON secret."""
STARTS_WITHIN_SECONDS = 8.0
"""Limit for the start; Lambda allows 10 s ("Lambda execution environment lifecycle")."""
SECRETS_WITHIN_SECONDS = 4.0
"""Part of the start's limit for fetching all secrets."""


class UnreachableError(Exception):
    """A scheduled check found that a dependency does not answer."""


class Host:
    """The application of a Lambda process, configured from environment variables.

    Raises `ConfigError` and `StartError`.
    """

    def __init__(self) -> None:
        begun = time.monotonic()
        resolve_secrets()
        self.application = HostedApplication.of_environment()
        self.bridge = Bridge(self.application)
        left = STARTS_WITHIN_SECONDS - (time.monotonic() - begun)
        self.bridge.run(self.application.live(), left)

    def ask(self, event: Event, context: Context) -> Answer:
        """The response to an HTTP event; its body may be incomplete yet."""
        return self.bridge.ask(request_of(event), seconds_left(context))

    async def healthcheck(self) -> dict[str, Any]:
        """Check all dependencies now; nothing runs between invocations that could."""
        await self.application.parts.health.look()
        return self.application.parts.health.state()


@functools.cache
def host() -> Host:
    """The `Host` of this process, created at the first call."""
    return Host()


def handler(event: Event, context: Context) -> dict[str, Any]:
    """The Lambda handler; raises `ValueError` for an unknown kind of event.

    Raises `UnreachableError` if a scheduled check finds a dependency down, so that the alarm for
    failed invocations goes off.
    """
    match event:
        case {"action": "healthcheck"}:
            state = host().bridge.run(host().healthcheck(), seconds_left(context))
            log_event("healthcheck", **state)
            found: dict[str, str] = state.get("dependencies", {})
            if down := [name for name, word in found.items() if word != "reachable"]:
                raise UnreachableError(f"unreachable: {', '.join(down)}")
            return state
        case {"requestContext": {"connectionId": str()}}:
            from . import aws_websocket

            return aws_websocket.handle(event, context, host())
        case {"version": "2.0", "requestContext": {"http": dict()}}:
            return _payload(host().ask(event, context))
        case _:
            raise ValueError(f"unknown kind of event, with the keys {', '.join(sorted(event))}")


def request_of(event: Event) -> Request:
    """Convert an event of payload format 2.0 to an HTTP request."""
    body: str = event.get("body") or ""
    place = event["requestContext"]
    headers = [
        (str(name), str(value))
        for name, value in event["headers"].items()
        if name.lower() != "x-forwarded-for"  # `sourceIp` is the address, and no client can set it
    ]
    if "domainName" in place:  # the endpoint that Lambda was called at, whatever the client sent
        headers = [(name, value) for name, value in headers if name.lower() != "host"]
        headers.append(("host", place["domainName"]))
    if cookies := event.get("cookies"):
        headers.append(("cookie", "; ".join(cookies)))
    return Request(
        method=place["http"]["method"],
        path=unquote(event["rawPath"]),
        query=event.get("rawQueryString", ""),
        headers=headers,
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
        client=event["requestContext"]["http"].get("sourceIp"),
    )


def head_of(answer: Answer) -> dict[str, Any]:
    """Status, headers and cookies in payload format 2.0: repeated headers joined, cookies apart."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        if name != "set-cookie":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    cookies = [value for name, value in answer.headers if name == "set-cookie"]
    return {"statusCode": answer.status, "headers": headers, "cookies": cookies}


def _payload(answer: Answer) -> dict[str, Any]:
    try:
        body = answer.body()
    except CutError as cut:
        return _payload(Answer.of(cut))
    head = head_of(answer)
    try:
        return {**head, "body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {**head, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def resolve_secrets() -> None:
    """Fetch the secrets that `SECRETS` names and set the environment variables; at cold start.

    Raises `StartError` with all secrets that cannot be fetched, `ConfigError` with all that lack
    the key that is asked for.
    """
    wanted: dict[str, str] = json.loads(os.environ.get(SECRETS, "{}"))
    if not wanted:
        return
    # arn:aws:secretsmanager:region:account:secret:name, then as in ECS: key, stage, version
    parts = {name: reference.split(":") for name, reference in wanted.items()}
    secrets = _fetched({name: ":".join(part[:7]) for name, part in parts.items()})
    problems: list[str] = []
    for name, secret in secrets.items():
        key = "".join(parts[name][7:8])
        found = _value(secret, key)
        if found is None:
            problems.append(f"{name}: the secret has no key {key}")
        else:
            os.environ[name] = found
    if problems:
        raise ConfigError(SECRETS, problems)


def _fetched(arns: dict[str, str]) -> dict[str, str]:
    """Fetch all secrets at the same time; the values by the same names. Raises `StartError`."""
    from concurrent.futures import ThreadPoolExecutor, wait

    client = aws.client("secretsmanager")

    def fetch(arn: str) -> str:
        return client.get_secret_value(SecretId=arn)["SecretString"]

    pool = ThreadPoolExecutor(aws.AT_ONCE)
    asked = {name: pool.submit(fetch, arn) for name, arn in arns.items()}
    wait(asked.values(), SECRETS_WITHIN_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    late = f"Secrets Manager did not answer within {SECRETS_WITHIN_SECONDS:g} s"
    failures = {
        name: (got.exception() if got.done() and not got.cancelled() else late)
        for name, got in asked.items()
    }
    if lines := [f"{SECRETS}: {name}: {why}" for name, why in failures.items() if why is not None]:
        raise StartError("\n".join(lines))
    return {name: got.result() for name, got in asked.items()}


def _value(secret: str, key: str) -> str | None:
    """The secret, or the value of its `key` if one is given; None if it has no such key."""
    if not key:
        return secret
    try:
        content: object = json.loads(secret)
    except ValueError:
        return None
    return str(object_or_empty(content)[key]) if key in object_or_empty(content) else None


if "AWS_LAMBDA_RUNTIME_API" in os.environ and "AWS_LAMBDA_EXEC_WRAPPER" not in os.environ:
    # During initialization a function has a full CPU, later only its share. The runtime in
    # `streaming`, which the wrapper script starts, calls this itself and reports failures.
    host()
