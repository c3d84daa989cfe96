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
from typing import Any, Protocol
from urllib.parse import unquote

from ..logs import event as log_event
from ..reading import ConfigError
from .bridge import Answer, Bridge, CutError, Request
from .resident import Resident

SECRETS = "QUDAG_MCP_SECRETS"
"""A JSON object, variable name -> ARN of a secret; `:key` after it names a key of a JSON one."""
MARGIN_SECONDS = 1.5
"""What is kept of a function's time to end a request that would outlast it, and to answer."""
STARTS_WITHIN_SECONDS = 8.0
"""Of the 10 that Lambda gives an initialization ("Lambda execution environment lifecycle")."""
Event = dict[str, Any]


class Context(Protocol):
    """What Lambda tells of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is ended."""
        ...


class Host:
    """The application of this process, made from the environment; raises `ConfigError`."""

    def __init__(self) -> None:
        resolve_secrets()
        self.resident = Resident.of_environment()
        self.bridge = Bridge(self.resident)
        self.bridge.run(self.resident.live(), STARTS_WITHIN_SECONDS)

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
    """What Lambda calls; raises `ValueError` for an event of no known form."""
    match event:
        case {"action": "healthcheck"}:
            state = host().bridge.run(host().healthcheck(), seconds_left(context))
            log_event("healthcheck", **state)
            return state
        case {"requestContext": {"connectionId": str()}}:
            from . import aws_websocket

            return aws_websocket.handle(event, context, host())
        case {"version": "2.0", "requestContext": {"http": dict()}}:
            return _payload(host().ask(event, context))
        case _:
            raise ValueError(f"an event of no known form, with {', '.join(sorted(event))}")


def seconds_left(context: Context) -> float:
    """What the application may take."""
    return context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS


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
    """Set the variables that `SECRETS` names, from Secrets Manager; once, at the cold start."""
    wanted: dict[str, str] = json.loads(os.environ.get(SECRETS, "{}"))
    if not wanted:
        return
    import botocore.session  # of the managed runtime

    session: Any = botocore.session.Session()
    client: Any = session.create_client("secretsmanager")
    for name, reference in wanted.items():
        # arn:aws:secretsmanager:region:account:secret:name, then as ECS has it: key, stage, version
        parts = reference.split(":")
        arn, key = ":".join(parts[:7]), "".join(parts[7:8])
        secret: str = client.get_secret_value(SecretId=arn)["SecretString"]
        if key and key not in json.loads(secret):
            raise ConfigError(SECRETS, [f"{name}: the secret has no key {key}"])
        os.environ[name] = str(json.loads(secret)[key]) if key else secret


if "AWS_LAMBDA_RUNTIME_API" in os.environ and "AWS_LAMBDA_EXEC_WRAPPER" not in os.environ:
    # While Lambda initializes, a function has a whole processor; later it has its share. A runtime
    # of our own, which a wrapper begins, does this itself and tells what went wrong.
    host()
