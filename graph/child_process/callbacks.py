"""Calls transforms of a program over gRPC, where the program's SDK serves them."""

from __future__ import annotations

from typing import Any

import grpc

_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class RemoteCallbacks:
    """``transforms.Callbacks`` for a program that serves its callbacks over gRPC."""

    async def call(self, callback: Any, request: Any) -> bytes:
        from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc  # as new as transforms

        with grpc.insecure_channel(callback.target, options=_UNLIMITED) as channel:
            asked = callback_pb2.CallbackInvokeRequest(
                token=callback.token, request=request.SerializeToString()
            )
            stub: Any = callback_pb2_grpc.CallbacksStub(channel)
            return stub.Invoke(asked).response

    def name(self, callback: Any) -> str:
        del callback  # its SDK tells no name
        return "invoke transform"
