"""Requests to the API that Elasticsearch and OpenSearch have in common."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx2

from .certificate import file_identity
from .elasticsearch_config import StoreSection
from .toml_config import StartError

TRY_AGAIN: Final = frozenset({401, 403, 404, 408, 429})
"""Statuses of a document, besides 5xx, after which it can be taken later: a login or a right that
is wrong now, an index that is not there or is blocked, and a store with too much to do."""
_STORED: Final = frozenset({200, 201, 409})
"""409: an earlier try has stored the document with this id."""
_TOO_LARGE: Final = 413


class StoreError(Exception):
    """The store is away, refuses requests for now, or gives an answer that is not one of its API.

    The message says why, without values.
    """


@dataclass(frozen=True)
class Refused:
    """A document that the store refuses for good.

    Attributes:
        kind: the store's name for the reason; its text may quote the document.
    """

    status: int
    kind: str


class StoreClient:
    """A client of one store. Each request reads the login from its file.

    A new CA is used from the next request on.
    """

    def __init__(self, section: StoreSection) -> None:
        self.section = section
        self.authority: tuple[int, int, int] | None = self._authority()
        try:
            self.http = self._client()
        except OSError as error:
            raise StartError(f"{section.ca_file} is no CA: {error}") from None

    async def close(self) -> None:
        """Close its connections."""
        await self.http.aclose()

    def _authority(self) -> tuple[int, int, int] | None:
        return file_identity(self.section.ca_file) if self.section.ca_file else None

    def _client(self) -> httpx2.AsyncClient:
        verify = ssl.create_default_context(cafile=self.section.ca_file)
        verify.minimum_version = ssl.TLSVersion.TLSv1_2
        return httpx2.AsyncClient(
            base_url=self.section.url.rstrip("/") + "/",
            verify=verify,
            timeout=self.section.timeout_seconds,
            trust_env=False,  # no proxy: flows lead to the store
        )

    async def _trust_the_newest(self) -> None:
        """Connect anew if the file of the CA has changed."""
        written = self._authority()
        if written == self.authority:
            return
        try:
            client = self._client()
        except OSError as error:  # perhaps it is being written: the next request tries again
            raise StoreError(f"{self.section.ca_file} is no CA: {error}") from None
        # Requests that this ends are sent again by the collector.
        self.authority, old, self.http = written, self.http, client
        await old.aclose()

    async def ask(
        self, method: str, path: str, body: Any = None, *, allowed: Sequence[int] = (200,)
    ) -> tuple[int, Any]:
        """Send a request with a JSON body; returns the status and the answer.

        Raises:
            StoreError: the store is away, the status is none of the allowed, or the answer is no
                object in JSON.
        """
        content = None if body is None else json.dumps(body).encode()
        answer = await self._send(method, path, content, "application/json")
        if answer.status_code not in allowed:
            raise StoreError(f"{method} {path}: {answer.status_code} {_error(answer)}")
        return answer.status_code, _object(answer, f"{method} {path}")

    async def store(self, index: str, documents: Sequence[tuple[str, bytes]]) -> list[Refused]:
        """Append documents, each with its id, to a data stream; returns those refused for good.

        Raises:
            StoreError: not all others are stored. The same call may be made again: a document
                that is stored already is not stored twice.
        """
        answer = await self._bulk(index, documents)
        if answer.status_code == _TOO_LARGE:
            return await self._store_halves(index, documents)
        if answer.status_code == 400 and (kind := _kind(answer)):
            return [Refused(400, kind)] * len(documents)
        if answer.status_code != 200:
            raise StoreError(f"bulk request: {answer.status_code} {_error(answer)}")
        return _refused(_object(answer, "bulk request"), len(documents))

    async def _store_halves(
        self, index: str, documents: Sequence[tuple[str, bytes]]
    ) -> list[Refused]:
        """Store documents that are too large for one request; one alone is refused for good."""
        if len(documents) == 1:
            return [Refused(_TOO_LARGE, "")]
        half = len(documents) // 2
        return [
            *await self.store(index, documents[:half]),
            *await self.store(index, documents[half:]),
        ]

    async def _bulk(self, index: str, documents: Sequence[tuple[str, bytes]]) -> httpx2.Response:
        lines: list[bytes] = []
        for name, document in documents:
            lines += (json.dumps({"create": {"_id": name}}).encode(), document)
        body = b"\n".join(lines) + b"\n"
        return await self._send("POST", f"{index}/_bulk", body, "application/x-ndjson")

    async def _send(
        self, method: str, path: str, content: bytes | None, kind: str
    ) -> httpx2.Response:
        await self._trust_the_newest()
        headers = {"authorization": self._login()}
        if content is not None:
            headers["content-type"] = kind
        try:
            return await self.http.request(method, path, content=content, headers=headers)
        except httpx2.HTTPError as error:
            raise StoreError(f"{type(error).__name__}: {error}") from None

    def _login(self) -> str:
        section = self.section
        file = section.password_file or section.token_file
        assert file is not None
        try:
            secret = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{file} cannot be read: {type(error).__name__}") from None
        if section.user is None:
            if not secret.isascii():
                raise StoreError(f"{file} has no token: a token has only characters of ASCII")
            return f"{section.scheme} {secret}"
        return "Basic " + base64.b64encode(f"{section.user}:{secret}".encode()).decode()


def _object(answer: httpx2.Response, asked: str) -> dict[str, Any]:
    """The object in JSON that an answer is; an answer without a body is an empty one."""
    found: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        found = answer.json() if answer.content else {}
    if not isinstance(found, dict):
        raise StoreError(f"{asked}: {answer.status_code}, and the answer is no object in JSON")
    return cast("dict[str, Any]", found)


def _refused(answer: dict[str, Any], count: int) -> list[Refused]:
    """The documents of a bulk request of `count` documents that are refused for good."""
    refused: list[Refused] = []
    try:
        items: list[dict[str, Any]] = [item["create"] for item in answer["items"]]
        if len(items) != count:
            raise StoreError(f"bulk request: {len(items)} items for {count} documents")
        for one in items:
            status = int(one["status"])
            if status in _STORED:
                continue
            kind = str(one["error"].get("type", ""))
            if status in TRY_AGAIN or not 400 <= status < 500:
                raise StoreError(f"bulk item: {status} {kind}")
            refused.append(Refused(status, kind))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        why = type(error).__name__
        raise StoreError(f"bulk request: no result for each document ({why})") from None
    return refused


def _kind(answer: httpx2.Response) -> str:
    """The store's name for the error of a request as a whole; empty if it is not the store's."""
    try:
        return str(answer.json()["error"]["type"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _error(answer: httpx2.Response) -> str:
    """What the store says about a request as a whole, which quotes no document."""
    try:
        error = answer.json()["error"]["reason"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return str(error)
