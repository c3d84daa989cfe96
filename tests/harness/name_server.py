"""A DNS server with the answers of a test."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence


@contextlib.contextmanager
def name_server(records: Mapping[str, Sequence[str]]) -> Generator[int]:
    """Answer queries on a loopback port, which is yielded, until the end of the block.

    Args:
        records: the addresses of each name, of both IP versions. They may change; answers are
            valid for a second.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        threading.Thread(target=_answer, args=(sock, records), daemon=True).start()
        yield sock.getsockname()[1]


def _answer(sock: socket.socket, records: Mapping[str, Sequence[str]]) -> None:
    with contextlib.suppress(OSError):
        while True:
            query, peer = sock.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            name = b".".join(_labels(query)).decode().lower()
            family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(query[end - 3])
            found = [
                socket.inet_pton(family, address)
                for address in records.get(name, ())
                if family and (":" in address) == (family == socket.AF_INET6)
            ]
            answer = b"".join(
                b"\xc0\x0c" + query[end - 4 : end] + struct.pack("!IH", 1, len(each)) + each
                for each in found
            )
            counts = struct.pack("!HHHH", 1, len(found), 0, 0)
            sock.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + answer, peer)


def _labels(query: bytes) -> Iterator[bytes]:
    at = 12
    while length := query[at]:
        yield query[at + 1 : at + 1 + length]
        at += 1 + length
