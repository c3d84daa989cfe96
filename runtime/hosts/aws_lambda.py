"""The server as an AWS Lambda function: an event in, an answer in its form out.

HTTP events are those of API Gateway's HTTP APIs and of function URLs, both in payload format 2.0
("Working with AWS Lambda proxy integrations for HTTP APIs", "Invoking Lambda function URLs"). The
answer is whole here; `streaming` hands it over in pieces.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import time
from typing import Any
from urllib.parse import unquote

from ..gate import mapping
from ..logs import event as log_event
from ..reading import ConfigError, StartError
from ..stores import aws
from .aws_invocation import Context, Event, seconds_left
from .bridge import Answer, Bridge, CutError, Request
from .resident import Resident

SECRETS = "QUDAG_MCP_SECRETS"
"""A JSON object, variable name -> ARN of a secret; `:key` after it names a key of a JSON one."""
STARTS_WITHIN_SECONDS = 8.0
"""Of the 10 that Lambda gives an initialization ("Lambda execution environment lifecycle")."""
SECRETS_WITHIN_SECONDS = 4.0
"""Of those, what all secrets together may take."""


class UnreachableError(Exception):
    """A scheduled check found that a dependency does not answer."""


class Host:
    """The application of this process, made from the environment.

    Raises `ConfigError` and `StartError`.
    """

    def __init__(self) -> None:
        begun = time.monotonic()
        resolve_secrets()
        self.resident = Resident.of_environment()
        self.bridge = Bridge(self.resident)
        left = STARTS_WITHIN_SECONDS - (time.monotonic() - begun)
        self.bridge.run(self.resident.live(), left)

    def ask(self, event: Event, context: Context) -> Answer:
        """The answer to an HTTP event, whose body may still be under way."""
        return self.bridge.ask(request_of(event), seconds_left(context))

    async def healthcheck(self) -> dict[str, Any]:
        """The dependencies, looked at now: between invocations nothing runs that would."""
        await self.resident.parts.health.look()
        return self.resident.parts.health.state()


@functools.cache
def host() -> Host:
    """The one of this process."""
    return Host()


def handler(event: Event, context: Context) -> dict[str, Any]:
    """What Lambda calls; raises `ValueError` for an event of no known form.

    Raises `UnreachableError` from a scheduled check, so that the alarm for failed calls tells.
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
            raise ValueError(f"an event of no known form, with {', '.join(sorted(event))}")


def request_of(event: Event) -> Request:
    """The HTTP request that an event of payload format 2.0 describes."""
    body: str = event.get("body") or ""
    headers = [(str(name), str(value)) for name, value in event["headers"].items()]
    if cookies := event.get("cookies"):
        headers.append(("cookie", "; ".join(cookies)))
    return Request(
        method=event["requestContext"]["http"]["method"],
        path=unquote(event["rawPath"]),
        query=event.get("rawQueryString", ""),
        headers=headers,
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
    )


def head_of(answer: Answer) -> dict[str, Any]:
    """Status, headers and cookies as payload format 2.0 has them: a header once, cookies apart."""
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
    """Set the variables that `SECRETS` names, from Secrets Manager; once, at the cold start.

    Raises `StartError` with every secret that cannot be had, `ConfigError` with every one that does
    not hold what is asked of it.
    """
    wanted: dict[str, str] = json.loads(os.environ.get(SECRETS, "{}"))
    if not wanted:
        return
    # arn:aws:secretsmanager:region:account:secret:name, then as ECS has it: key, stage, version
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
    """The secrets, by the same names, all asked for at once; raises `StartError`."""
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
    """The secret, or what its `key` holds where one is named; None where it holds none such."""
    if not key:
        return secret
    try:
        content: object = json.loads(secret)
    except ValueError:
        return None
    return str(mapping(content)[key]) if key in mapping(content) else None


if "AWS_LAMBDA_RUNTIME_API" in os.environ and "AWS_LAMBDA_EXEC_WRAPPER" not in os.environ:
    # While Lambda initializes, a function has a whole processor; later it has its share. A runtime
    # of our own, which a wrapper begins, does this itself and tells what went wrong.
    host()
