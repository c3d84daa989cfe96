"""Reads a JWK Set (RFC 7517): from a file or a URL, and into the keys that can check signatures."""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import anyio
import jwt

FETCH_WITHIN_SECONDS: Final = 5
MOST_BYTES: Final = 1024 * 1024
MOST_REDIRECTS: Final = 3
LEAST_RSA_BITS: Final = 2048
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
SIGNATURES: Final = (*_RSA, "ES256", "ES384", "ES512", "ES256K", "EdDSA")
"""Signature algorithms with a public key. A shared key would let this server sign tokens."""

Read = Callable[[], Awaitable[bytes]]


class UnreadableError(Exception):
    """The JWK Set cannot be read; the message says why, without the URL: it may hold a secret."""


class UnusableError(Exception):
    """An entry of a JWK Set cannot check signatures; the message says why."""


@dataclass(frozen=True)
class Key:
    """A public key.

    Attributes:
        kid: its id; None if it has none.
        public: the key for PyJWT.
        algorithms: that a token may be signed with.
    """

    kid: str | None
    public: Any
    algorithms: tuple[str, ...]


@dataclass(frozen=True)
class JwkSet:
    """The usable keys of a JWK Set, and of each other entry its id and why it is skipped."""

    keys: tuple[Key, ...]
    skipped: tuple[tuple[str, str], ...]


def parse(document: bytes) -> JwkSet:
    """Read the text of a JWK Set; raises `UnreadableError` if it is none.

    Entries that cannot check signatures are skipped, because RFC 7517, section 5, asks for it.
    """
    try:
        content: Any = json.loads(document)
        entries = content["keys"]
    except (ValueError, RecursionError, TypeError, KeyError):
        entries = None
    if not isinstance(entries, list):
        raise UnreadableError("it is not a JWK Set")
    keys: list[Key] = []
    skipped: list[tuple[str, str]] = []
    for entry in cast("list[object]", entries):
        try:
            keys.append(_key(entry))
        except UnusableError as unusable:
            skipped.append((_shown_id(entry), str(unusable)))
    return JwkSet(tuple(keys), tuple(skipped))


def _key(entry: object) -> Key:
    if not isinstance(entry, Mapping):
        raise UnusableError("it is not a JSON object")
    jwk = cast("dict[str, Any]", entry)
    _check_purpose(jwk)
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if kid is not None and not isinstance(kid, str):
        raise UnusableError("its kid is not text")
    try:
        made = jwt.PyJWK(jwk)
    except Exception as error:  # an issuer may publish anything; the other keys are still of use
        raise UnusableError(f"it cannot be read ({type(error).__name__})") from None
    if made.key_type != "RSA":
        return Key(kid, made.key, (made.algorithm_name,))
    if made.key.key_size < LEAST_RSA_BITS:
        raise UnusableError(f"it has fewer than {LEAST_RSA_BITS} bits")
    return Key(kid, made.key, (algorithm,) if algorithm else _RSA)


def _check_purpose(jwk: dict[str, Any]) -> None:
    """Raise `UnusableError` unless this is the public key of a signature."""
    algorithm, operations = jwk.get("alg"), jwk.get("key_ops")
    if jwk.get("kty") == "oct":
        raise UnusableError("it is a shared key")
    if "d" in jwk:
        raise UnusableError("it is a private key")
    if jwk.get("use", "sig") != "sig":
        raise UnusableError("it is not for signatures (use)")
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        raise UnusableError("it is not for signatures (key_ops)")
    if algorithm is not None and algorithm not in SIGNATURES:
        raise UnusableError("its alg is not a signature with a public key")


def _shown_id(entry: object) -> str:
    kid = cast("dict[str, Any]", entry).get("kid") if isinstance(entry, Mapping) else None
    return repr(kid)[:80]


def file_reader(path: Path) -> Read:
    """Reads the file."""

    async def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise UnreadableError(f"the file: {error.strerror}") from None

    return read


def url_reader(url: str, ca_file: Path | None = None) -> Read:
    """Fetches the URL, with certificates of `ca_file` besides the public CAs'.

    Redirects are followed, at most `MOST_REDIRECTS`, and from HTTPS to HTTPS only.
    """

    async def read() -> bytes:
        import httpx2

        try:
            with anyio.fail_after(FETCH_WITHIN_SECONDS):
                async with httpx2.AsyncClient(
                    verify=_trust(ca_file), timeout=FETCH_WITHIN_SECONDS
                ) as client:
                    return await _fetched(client, httpx2.URL(url))
        except (TimeoutError, httpx2.TimeoutException):
            raise UnreadableError(f"no answer within {FETCH_WITHIN_SECONDS} s") from None
        except httpx2.HTTPError as error:
            raise UnreadableError(_reason(error)) from None

    return read


def _trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)  # read each time: certificates are renewed
    except (OSError, ssl.SSLError):
        raise UnreadableError("jwks_ca_file has no certificates that can be read") from None
    return context


async def _fetched(client: Any, url: Any) -> bytes:
    for _ in range(MOST_REDIRECTS + 1):
        request = client.build_request("GET", url, headers={"accept": "application/json"})
        response = await client.send(request, stream=True)
        try:
            if not response.has_redirect_location:
                return await _body(response)
            following = url.join(response.headers["location"])
        finally:
            await response.aclose()
        if url.scheme == "https" and following.scheme != "https":
            raise UnreadableError("it redirects to a URL without TLS")
        url = following
    raise UnreadableError(f"it redirects more than {MOST_REDIRECTS} times")


async def _body(response: Any) -> bytes:
    if response.status_code != 200:
        raise UnreadableError(f"it answers {response.status_code}")
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise UnreadableError(f"it is larger than {MOST_BYTES} bytes")
    return bytes(body)


def _reason(error: Exception) -> str:
    """Why a URL cannot be fetched; the message of the exception may contain the URL."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return f"no connection ({type(error).__name__})"
