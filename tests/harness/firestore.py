"""Firestore's REST API in front of an emulator that only supports gRPC.

Google's own message classes convert the JSON, and refuse unknown fields.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import grpc
from google.api_core import exceptions
from google.cloud.firestore_v1.types import firestore
from google.protobuf import json_format

TOKEN = "of-the-host"
_METHODS: dict[str, tuple[str, Any, Any, str]] = {
    "batchGet": (
        "BatchGetDocuments",
        firestore.BatchGetDocumentsRequest,
        firestore.BatchGetDocumentsResponse,
        "database",
    ),
    "commit": ("Commit", firestore.CommitRequest, firestore.CommitResponse, "database"),
    "runQuery": ("RunQuery", firestore.RunQueryRequest, firestore.RunQueryResponse, "parent"),
}
"""By the method in the URL: the RPC, its message classes, and the field set from the URL."""


@contextlib.contextmanager
def rest(address: str) -> Generator[str]:
    """Run the REST API for the gRPC server at ``address``; yields its URL."""
    with grpc.insecure_channel(address) as channel:

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, answer = 401, {"error": {"status": "UNAUTHENTICATED", "message": "?"}}
                if self.headers["authorization"] == f"Bearer {TOKEN}":
                    status, answer = _answer(channel, self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


def _answer(channel: Any, path: str, body: bytes) -> tuple[int, Any]:
    place, _, verb = path.removeprefix("/v1/").rpartition(":")
    rpc, request_type, response_type, field = _METHODS[verb]
    named = place if field == "parent" else place.removesuffix("/documents")
    streams = verb != "commit"
    call = (channel.unary_stream if streams else channel.unary_unary)(
        f"/google.firestore.v1.Firestore/{rpc}",
        request_serializer=request_type.serialize,
        response_deserializer=response_type.pb().FromString,
    )
    try:
        request = request_type(json_format.Parse(body, request_type.pb()()))
        setattr(request, field, named)
        said = list(call(request)) if streams else [call(request)]
    except json_format.ParseError as error:
        return 400, _error("INVALID_ARGUMENT", str(error), streams)
    except grpc.RpcError as error:
        known = cast("Any", exceptions).from_grpc_error(error)
        return int(known.code), _error(known.grpc_status_code.name, known.message, streams)
    answers = [json_format.MessageToDict(one) for one in said]
    return 200, answers if streams else answers[0]


def _error(status: str, message: str, streams: bool) -> Any:
    error = {"error": {"status": status, "message": message}}
    return [error] if streams else error
