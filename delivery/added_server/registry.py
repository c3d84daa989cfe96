"""Asks a registry for an image's digest and configuration, as the OCI distribution API has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from .http_client import connection_problem, http_client
from .image_config import (
    CONFIGS,
    INDEXES,
    LARGEST,
    MANIFESTS,
    ImageConfig,
    Manifest,
    chosen,
    image_config,
    parsed,
)
from .reference import DOCKER, ImageReference
from .refusals import NotAskedError, mapping, printable, refused

MOST_REDIRECTS = 5
_DOCKER_API = "registry-1.docker.io"
_DOCKER_LOGIN = "https://index.docker.io/v1/"
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')
_CERTIFICATE = (
    "set SSL_CERT_FILE to a file with the CA of its certificate and the others of this "
    "machine, or use the name that the certificate has"
)
_OTHER_SOURCES = "check the name and the network, or pass --from-archive FILE or --url URL"


def ask_registry(reference: ImageReference, seconds: float) -> tuple[ImageReference, ImageConfig]:
    """The reference with its digest, and the configuration of its image.

    Args:
        seconds: for all requests together.

    Raises:
        NotAskedError: the registry is unreachable, requires credentials, or lacks the image.
        ProblemReport: its answer is not one that can be trusted.
    """

    async def within() -> tuple[ImageReference, ImageConfig]:
        async with asyncio.timeout(seconds):
            return await _Registry(reference).ask()

    try:
        return asyncio.run(within())
    except TimeoutError:
        what = f"it did not answer within {seconds:g} s"
    except httpx2.TransportError as failure:
        what = f"it cannot be reached: {connection_problem(failure)}"
        if "certificate" in what:
            raise NotAskedError(f"registry {reference.registry}", what, _CERTIFICATE) from None
    raise NotAskedError(f"registry {reference.registry}", what, _OTHER_SOURCES)


class _Registry:
    """Requests about one image."""

    def __init__(self, reference: ImageReference) -> None:
        self.reference = reference
        self.where = f"image {reference.text}"
        host = _DOCKER_API if reference.registry == DOCKER else reference.registry
        self.local = _is_loopback(f"http://{host}")
        self.base = f"{'http' if self.local else 'https'}://{host}/v2/{reference.repository}"
        self.login, self.helper = credentials(reference.registry)
        self.authorization = ""

    async def ask(self) -> tuple[ImageReference, ImageConfig]:
        async with http_client(self.base, 15) as self.http:
            named = self.reference.digest or self.reference.tag or "latest"
            data = await self._get(f"manifests/{named}", (*INDEXES, *MANIFESTS))
            digest = self._verified(data, self.reference.digest)
            manifest, platforms = parsed(Manifest, data, self.where), list[str]()
            if manifest.manifests:
                one, platforms = chosen(manifest, self.where)
                data = await self._get(f"manifests/{one.digest}", MANIFESTS)
                self._verified(data, one.digest)
                manifest = parsed(Manifest, data, self.where)
            if manifest.config is None or manifest.config.media_type not in CONFIGS:
                raise refused(
                    self.where,
                    "it is not a container image",
                    "name an image that Kubernetes can run, not a chart or another artifact",
                )
            config = await self._get(f"blobs/{manifest.config.digest}", ())
            self._verified(config, manifest.config.digest)
            pinned = replace(self.reference, digest=digest)
            return pinned, image_config(config, self.where, platforms)

    def _verified(self, data: bytes, digest: str | None) -> str:
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if digest and digest != found:
            raise refused(
                self.where,
                f"the registry sent {found} in place of {printable(digest)}",
                "do not use this registry, or the proxy in front of it, until this is explained",
            )
        return found

    async def _get(self, path: str, accepted: tuple[str, ...]) -> bytes:
        """The body of an answer with the status 200, with one login where it is asked for."""
        url = f"{self.base}/{path}"
        status, headers, data = await self._followed(url, accepted)
        if status == 401 and not self.authorization:
            self.authorization = await self._authorization(headers.get("www-authenticate", ""))
            status, headers, data = await self._followed(url, accepted)
        if status == 200:
            stated = headers.get("docker-content-digest")
            if stated and path.startswith("manifests/"):
                self._verified(data, stated)
            return data
        raise self._not_asked(status)

    def _not_asked(self, status: int) -> NotAskedError:
        match status:
            case 401 | 403:
                what = f"{self.reference.registry} requires credentials ({status})"
                fix = f"docker login {self.reference.registry}"
                if self.helper:
                    fix = (
                        f"pass --from-archive FILE: only logins in Docker's config.json are read, "
                        f"not those of its credential helper {printable(self.helper)}"
                    )
            case 404:
                what = (
                    f"{self.reference.registry} has no such image, or shows it only after a login"
                )
                fix = f"check the name, or docker login {self.reference.registry}"
            case _:
                what = f"{self.reference.registry} answers {status}"
                fix = "try again later, or pass --from-archive FILE"
        return NotAskedError(self.where, what, fix)

    async def _authorization(self, challenge: str) -> str:
        """The header for the next request, as the challenge asks for it."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self.login:
            return self.login
        parameters = dict(_PARAMETER.findall(rest))
        if scheme.lower() != "bearer" or not (realm := parameters.get("realm")):
            raise self._not_asked(401)
        self._secure(realm)
        asked = {key: parameters[key] for key in ("service", "scope") if key in parameters}
        asked.setdefault("scope", f"repository:{self.reference.repository}:pull")
        url = str(httpx2.URL(realm).copy_merge_params(asked))
        status, _, data = await self._followed(url, (), self.login)
        if status != 200:
            raise self._not_asked(401 if status < 500 else status)
        token = _token(data)
        if token is None:
            raise refused(url, "its answer has no token", _OTHER_SOURCES)
        return f"Bearer {token}"

    async def _followed(
        self, url: str, accepted: tuple[str, ...], login: str | None = None
    ) -> tuple[int, httpx2.Headers, bytes]:
        """Status, headers and body after redirects.

        Credentials go to the first host alone, which alone can ask for them.
        """
        origin = urlsplit(url)[:2]
        for _ in range(MOST_REDIRECTS + 1):
            headers = {"Accept-Encoding": "identity"}
            if accepted:
                headers["Accept"] = ", ".join(accepted)
            authorization = self.authorization if login is None else login
            if authorization and urlsplit(url)[:2] == origin:
                headers["Authorization"] = authorization
            async with self.http.stream("GET", url, headers=headers) as answer:
                if not (answer.is_redirect and "location" in answer.headers):
                    if urlsplit(url)[:2] != origin:
                        answer.headers.pop("www-authenticate", None)
                    return answer.status_code, answer.headers, await self._body(answer)
                url = str(answer.url.join(answer.headers["location"]))
                self._secure(url)
        raise refused(
            self.where,
            f"the registry redirects more than {MOST_REDIRECTS} times",
            _OTHER_SOURCES,
        )

    async def _body(self, answer: httpx2.Response) -> bytes:
        data = bytearray()
        async for chunk in answer.aiter_raw():
            data += chunk
            if len(data) > LARGEST:
                raise refused(
                    self.where,
                    f"an answer of the registry is larger than {LARGEST >> 20} MiB",
                    "no manifest or configuration is that large: check the name of the registry",
                )
        return bytes(data)

    def _secure(self, url: str) -> None:
        """Refuse an address without TLS, except on this machine for a registry of this machine."""
        parts = urlsplit(url)
        if parts.scheme == "https" or (parts.scheme == "http" and self.local and _is_loopback(url)):
            return
        raise refused(
            self.where,
            f"the registry refers to {printable(url)}, which is not https",
            "credentials and images could be replaced on the way: fix the registry",
        )


def _token(data: bytes) -> str | None:
    try:
        fields = mapping(json.loads(data))
    except (ValueError, RecursionError):
        return None
    token = fields.get("token") or fields.get("access_token")
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else None


def _is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1")


def credentials(registry: str) -> tuple[str, str]:
    """The Basic login of Docker's config.json, and the name of its credential helper, or empty."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        read = mapping(json.loads((folder / "config.json").read_bytes()))
        host = _DOCKER_LOGIN if registry == DOCKER else registry
        login = mapping(mapping(read.get("auths")).get(host)).get("auth") or ""
        helper = mapping(read.get("credHelpers")).get(host) or read.get("credsStore") or ""
        base64.b64decode(login, validate=True)
    except (OSError, ValueError, TypeError):
        return "", ""
    return (f"Basic {login}" if login else ""), str(helper)
