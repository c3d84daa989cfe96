"""A Lambda runtime that streams responses, in place of the managed Python runtime.

The managed Python runtime has no response streaming, so the archive's script `stream`, named by
`AWS_LAMBDA_EXEC_WRAPPER`, starts this loop instead. The protocol is in "Building a custom runtime
for AWS Lambda", section "Response streaming": a response is posted in chunks while it is produced,
and a later error follows as trailers. Status and headers come before the body, as JSON and eight
zero bytes (`application/vnd.awslambda.http-integration-response`).
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from .aws_lambda import Event, handler, head_of, host
from .bridge import CutError

API = "/2018-06-01/runtime"
STREAMED = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Transfer-Encoding": "chunked",
    "Content-Type": "application/vnd.awslambda.http-integration-response",
    "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
}
PRELUDE_END = bytes(8)


@dataclass(frozen=True)
class Invocation:
    """One event with its request id and deadline."""

    request_id: str
    deadline_ms: int
    event: Event

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation, like the managed runtime's context."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


class RuntimeApi:
    """Client of the Lambda runtime API."""

    def __init__(self, address: str) -> None:
        self.address = address

    def next(self) -> Invocation:
        """Wait for the next invocation, without a time limit."""
        connection = http.client.HTTPConnection(self.address)
        connection.request("GET", f"{API}/invocation/next")
        answer = connection.getresponse()
        event: Event = json.loads(answer.read())
        connection.close()
        os.environ["_X_AMZN_TRACE_ID"] = answer.headers.get("Lambda-Runtime-Trace-Id", "")
        return Invocation(
            answer.headers["Lambda-Runtime-Aws-Request-Id"],
            int(answer.headers["Lambda-Runtime-Deadline-Ms"]),
            event,
        )

    def stream(self, request_id: str, head: dict[str, Any], pieces: Iterator[bytes]) -> None:
        """Post a response in chunks while it is produced."""
        connection = http.client.HTTPConnection(self.address)
        connection.putrequest("POST", f"{API}/invocation/{request_id}/response")
        for name, value in STREAMED.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(_chunk(json.dumps(head).encode() + PRELUDE_END))
        trailers = b""
        try:
            for piece in pieces:
                if piece:  # an empty chunk would end the body
                    connection.send(_chunk(piece))
        except CutError as cut:
            trailers = _trailers(cut)
        connection.send(b"0\r\n" + trailers + b"\r\n")
        connection.getresponse().read()
        connection.close()

    def post(self, path: str, content: object, **headers: str) -> None:
        """Post a complete response or an error."""
        connection = http.client.HTTPConnection(self.address)
        body = json.dumps(content).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(
            "POST", f"{API}/{path}", body, {"Content-Type": "application/json"} | sent
        )
        connection.getresponse().read()
        connection.close()


def serve(api: RuntimeApi) -> NoReturn:
    """Answer invocations until the process ends."""
    while True:
        invocation = api.next()
        try:
            if "http" in invocation.event.get("requestContext", {}):
                # Closed, because the body is not read further if the connection to Lambda breaks.
                with contextlib.closing(host().ask(invocation.event, invocation)) as answer:
                    api.stream(invocation.request_id, head_of(answer), answer.pieces)
            else:
                path = f"invocation/{invocation.request_id}/response"
                api.post(path, handler(invocation.event, invocation))
        except Exception as error:
            _tell(api, f"invocation/{invocation.request_id}/error", error)


def main() -> None:
    """Start the runtime; a failed start is reported to Lambda and exits with status 1."""
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        host()
    except Exception as error:
        _tell(api, "init/error", error)
        sys.exit(1)
    serve(api)


def _tell(api: RuntimeApi, path: str, error: Exception) -> None:
    said = _described(error)
    print(f"[ERROR] {said['errorType']}: {error}", file=sys.stderr)
    api.post(path, said, Lambda_Runtime_Function_Error_Type=said["errorType"])


def _described(error: Exception) -> dict[str, str]:
    return {"errorMessage": str(error), "errorType": f"Runtime.{type(error).__name__}"}


def _chunk(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def _trailers(error: Exception) -> bytes:
    said = _described(error)
    body = base64.b64encode(json.dumps(said).encode()).decode()
    return (
        f"Lambda-Runtime-Function-Error-Type: {said['errorType']}\r\n"
        f"Lambda-Runtime-Function-Error-Body: {body}\r\n"
    ).encode()


if __name__ == "__main__":
    main()
