#!/usr/bin/env python3
"""Serves the stored images to containerd with the pull part of the OCI distribution protocol.

Standard library only. Runs inside the node's network namespace.
"""

import argparse
import hashlib
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ASKED = re.compile(
    r"/v2/(?P<name>[\w./:-]+)/(?P<kind>manifests|blobs)/(?P<ref>sha256:[0-9a-f]{64}|[\w.-]+)"
)


class Registry(BaseHTTPRequestHandler):
    """Handles pulls: manifests are stored by host/repository/tag, blobs by digest."""

    protocol_version = "HTTP/1.1"
    store: Path

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/v2/":
            self.answer(200, 0)
            return
        found = ASKED.fullmatch(path)
        file = self.file(found) if found and ".." not in path else None
        if not found or not file or not file.is_file():
            self.answer(404, 0)
            return
        with file.open("rb") as content:
            manifest = found["kind"] == "manifests"
            digest = found["ref"]
            if not digest.startswith("sha256:"):
                digest = "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()
                content.seek(0)
            kind = MANIFEST if manifest else "application/octet-stream"
            self.answer(200, os.fstat(content.fileno()).st_size, kind, digest)
            if self.command == "GET":
                self.wfile.flush()
                self.connection.sendfile(content)

    do_HEAD = do_GET

    def file(self, found: re.Match[str]) -> Path:
        if found["ref"].startswith("sha256:"):
            return self.store / "blobs" / "sha256" / found["ref"].removeprefix("sha256:")
        return self.store / found["kind"] / found["name"] / found["ref"]

    def answer(self, status: int, size: int, kind: str = "", digest: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        if kind:
            self.send_header("Content-Type", kind)
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--address", required=True, help="host:port")
    p.add_argument("--store", required=True, type=Path)
    asked = p.parse_args()
    host, _, port = asked.address.partition(":")
    Registry.store = asked.store
    ThreadingHTTPServer((host, int(port)), Registry).serve_forever()


if __name__ == "__main__":
    main()
