"""OCI images without layers: as a layout, as an archive of Docker, in a registry on loopback."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import ssl
import tarfile
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from delivery.added_server.image_config import CONFIGS, INDEXES, MANIFESTS

TOKEN = "a-token-for-one-repository"
LOGIN = base64.b64encode(b"ann:secret").decode()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


@dataclass
class Image:
    """An image for some platforms.

    Attributes:
        settings: the part ``config`` of its configuration.
        blobs: all documents by digest.
        top: the index, or the manifest if it is for one unnamed platform.
    """

    settings: Mapping[str, Any]
    platforms: tuple[str, ...] = ()
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    media_type: str = INDEXES[0]

    def __post_init__(self) -> None:
        if not self.platforms:
            self.media_type = MANIFESTS[0]
            self.top = self._manifest(self.settings)
            return
        manifests: list[dict[str, Any]] = []
        for platform in self.platforms:
            os, _, architecture = platform.partition("/")
            labels = {**self.settings.get("Labels", {}), "platform": platform}
            data = self._manifest({**self.settings, "Labels": labels})
            machine = {"os": os, "architecture": architecture}
            manifests.append(descriptor(data, MANIFESTS[0], platform=machine))
        self.top = self.kept({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": manifests})

    def kept(self, document: Mapping[str, Any]) -> bytes:
        data = json.dumps(document).encode()
        self.blobs[digest_of(data)] = data
        return data

    def _manifest(self, settings: Mapping[str, Any]) -> bytes:
        config = self.kept({"os": "linux", "architecture": "amd64", "config": settings})
        return self.kept(
            {
                "schemaVersion": 2,
                "mediaType": MANIFESTS[0],
                "config": descriptor(config, CONFIGS[0]),
                "layers": [],
            }
        )

    @property
    def digest(self) -> str:
        return digest_of(self.top)

    def layout(self, folder: Path) -> Path:
        """Write it as an OCI layout."""
        (folder / "blobs/sha256").mkdir(parents=True)
        for digest, data in self.blobs.items():
            (folder / "blobs" / digest.replace(":", "/")).write_bytes(data)
        index = {"schemaVersion": 2, "manifests": [descriptor(self.top, self.media_type)]}
        (folder / "index.json").write_text(json.dumps(index))
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return folder

    def saved(self, folder: Path) -> Path:
        """Write it as ``docker save`` did before Docker 25: without an index."""
        folder.mkdir()
        (folder / "abc.json").write_text(json.dumps({"config": self.settings}))
        (folder / "manifest.json").write_text('[{"Config": "abc.json", "Layers": []}]')
        return folder


def tarred(folder: Path, mode: str = "w") -> Path:
    """A tar archive of a folder's content."""
    file = folder.with_suffix(".tar")
    opened: Any = tarfile.open  # its types want the mode as a literal
    with opened(file, mode) as tar:
        tar.add(folder, ".")
    return file


_Answer = Callable[["Handler"], None]


@dataclass
class Registry:
    """A registry that has one image under one name.

    Attributes:
        auth: none, bearer (an anonymous token), login (a token only for a login), or basic.
        requests: paths in the order of arrival, each with its Authorization.
        answers: answers of this test's own, by the path of the request.
        realm: of the tokens; its own address by default.
        name_of_host: localhost, or an address on which it listens.
    """

    image: Image
    port: int = 0
    repository: str = "acme/weather-mcp"
    auth: str = "none"
    requests: list[tuple[str, str]] = field(default_factory=list["tuple[str, str]"])
    answers: dict[str, _Answer] = field(default_factory=dict[str, _Answer])
    realm: str = ""
    name_of_host: str = "localhost"

    @property
    def host(self) -> str:
        return f"{self.name_of_host}:{self.port}"

    @property
    def name(self) -> str:
        """The image with its tag."""
        return f"{self.host}/{self.repository}:2.3.1"

    def path(self, digest: str = "", kind: str = "manifests") -> str:
        return f"/v2/{self.repository}/{kind}/{digest or '2.3.1'}"

    def config_path(self) -> str:
        """Of the configuration of an image for one platform."""
        manifest = json.loads(self.image.top)
        return self.path(manifest["config"]["digest"], "blobs")


class Handler(BaseHTTPRequestHandler):
    """Answers as the OCI distribution specification says."""

    registry: Registry

    def do_GET(self) -> None:
        registry = self.registry
        path = urlsplit(self.path).path
        given = self.headers.get("Authorization", "")
        registry.requests.append((path, given))
        if answer := registry.answers.get(path):
            answer(self)
        elif path == "/token":
            self._token(given)
        elif not self._allowed(given):
            self._challenge()
        elif path in (registry.path(), registry.path(registry.image.digest)):
            self.send(200, registry.image.top, registry.image.media_type)
        else:
            *_, kind, digest = path.split("/")
            data = registry.image.blobs.get(digest)
            media_type = MANIFESTS[0] if kind == "manifests" else "application/octet-stream"
            self.send(200 if data else 404, data or b"{}", media_type)

    def _allowed(self, given: str) -> bool:
        match self.registry.auth:
            case "none":
                return True
            case "basic":
                return given == f"Basic {LOGIN}"
            case _:
                return given == f"Bearer {TOKEN}"

    def _challenge(self) -> None:
        realm = self.registry.realm or f"http://{self.registry.host}/token"
        scope = f"repository:{self.registry.repository}:pull"
        bearer = f'Bearer realm="{realm}",service="registry",scope="{scope}"'
        basic = self.registry.auth == "basic"
        self.send(401, b"{}", challenge='Basic realm="registry"' if basic else bearer)

    def _token(self, given: str) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        right = asked.get("scope") == [f"repository:{self.registry.repository}:pull"]
        if self.registry.auth == "login":
            right = right and given == f"Basic {LOGIN}"
        self.send(200 if right else 401, json.dumps({"token": TOKEN}).encode())

    def send(
        self,
        status: int,
        data: bytes = b"",
        media_type: str = "application/json",
        *,
        challenge: str = "",
        location: str = "",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client has read enough
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serving(registry: Registry, tls: tuple[Path, Path] | None = None) -> Generator[Registry]:
    """Serve a registry on loopback: over HTTP, or with a certificate and its key over HTTPS."""
    handler = type("Handler", (Handler,), {"registry": registry})
    address = "127.0.0.1" if registry.name_of_host == "localhost" else registry.name_of_host
    server = ThreadingHTTPServer((address, 0), handler)
    server.daemon_threads = True
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    registry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
