"""Requests to the API that Elasticsearch and OpenSearch have in common."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from .elasticsearch_config import StoreSection
from .toml_config import StartError

TRY_AGAIN: Final = frozenset({401, 403, 404, 408, 429})
"""Statuses, besides 5xx, after which the same lines can be taken later: a login or a right that is
wrong now, an index that is not there or is blocked, and a store with too much to do."""
_STORED: Final = frozenset({200, 201, 409})
"""409: an earlier try has stored the document with this id."""


class StoreError(Exception):
    """The store is away, or refuses requests for now; the message says why, without values."""


@dataclass(frozen=True)
class Refused:
    """A document that the store refuses for good.

    Attributes:
        kind: the store's name for the reason; its text may quote the document.
    """

    status: int
    kind: str


class StoreClient:
    """A client of one store. Each request reads the login from its file."""

    def __init__(self, section: StoreSection) -> None:
        self.section = section
        try:
            verify = ssl.create_default_context(cafile=section.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise StartError(f"{section.ca_file} is no authority: {error}") from None
        verify.minimum_version = ssl.TLSVersion.TLSv1_2
        self.http = httpx2.AsyncClient(
            base_url=section.url.rstrip("/") + "/",
            verify=verify,
            timeout=section.timeout_seconds,
            trust_env=False,  # no proxy: flows lead to the store
        )

    async def close(self) -> None:
        """Close its connections."""
        await self.http.aclose()

    async def ask(
        self, method: str, path: str, body: Any = None, *, allowed: Sequence[int] = (200,)
    ) -> tuple[int, Any]:
        """Send a request with a JSON body; returns the status and the answer.

        Raises:
            StoreError: the store is away, or the status is none of the allowed.
        """
        content = None if body is None else json.dumps(body).encode()
        answer = await self._send(method, path, content, "application/json")
        if answer.status_code not in allowed:
            raise StoreError(f"{method} {path}: {answer.status_code} {_error(answer)}")
        return answer.status_code, answer.json() if answer.content else {}

    async def store(self, index: str, documents: Sequence[tuple[str, bytes]]) -> list[Refused]:
        """Append documents, each with its id, to a data stream; returns those refused for good.

        Raises:
            StoreError: not all others are stored. The same call may be made again: a document
                that is stored already is not stored twice.
        """
        lines: list[bytes] = []
        for name, document in documents:
            lines += (json.dumps({"create": {"_id": name}}).encode(), document)
        body = b"\n".join(lines) + b"\n"
        answer = await self._send("POST", f"{index}/_bulk", body, "application/x-ndjson")
        if answer.status_code in TRY_AGAIN or answer.status_code >= 500:
            raise StoreError(f"bulk request: {answer.status_code} {_error(answer)}")
        if answer.status_code != 200:
            return [Refused(answer.status_code, "")] * len(documents)
        results = [item["create"] for item in answer.json()["items"]]
        for one in results:
            if one["status"] in TRY_AGAIN or one["status"] >= 500:
                raise StoreError(f"bulk item: {one['status']} {one['error'].get('type', '')}")
        return [
            Refused(one["status"], one["error"].get("type", ""))
            for one in results
            if one["status"] not in _STORED
        ]

    async def _send(
        self, method: str, path: str, content: bytes | None, kind: str
    ) -> httpx2.Response:
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
            return f"{section.scheme} {secret}"
        return "Basic " + base64.b64encode(f"{section.user}:{secret}".encode()).decode()


def _error(answer: httpx2.Response) -> str:
    """What the store says about a request as a whole, which quotes no document."""
    try:
        error = answer.json()["error"]["reason"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(error)
