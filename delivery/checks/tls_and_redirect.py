"""Checks a platform's certificate, its TLS version and its redirect from plain HTTP to HTTPS."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2

from . import NotCheckedError, wrong

CONNECT_SECONDS = 5.0
OLDEST = ("TLSv1.2", "TLSv1.3")
_UNREACHED = "clients cannot connect"


def tls(url: str, ca_file: str | None) -> str:
    """Connect with certificate verification; returns TLS version and certificate expiry."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if parts.scheme != "https":
        raise NotCheckedError("the address is plain HTTP")
    trust = ssl.create_default_context(cafile=ca_file)
    trust.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # to report an old version
    try:
        with (
            socket.create_connection((host, port), CONNECT_SECONDS) as plain,
            trust.wrap_socket(plain, server_hostname=host) as connection,
        ):
            version, certificate = connection.version(), connection.getpeercert()
    except ssl.SSLCertVerificationError as refusal:
        raise wrong(
            f"{host}:{port}",
            f"its certificate is refused: {refusal.verify_message}",
            "no client that verifies it connects",
            "renew it in the gateway's TLS Secret: docs/how-to/rotate-secrets.md says how",
        ) from refusal
    except (OSError, TimeoutError) as failure:
        raise wrong(
            f"{host}:{port}",
            f"no TLS connection: {failure.strerror or failure}",
            _UNREACHED,
            "see that the gateway's Service has an address and its pods are ready: kubectl get "
            "service,pods",
        ) from failure
    if version not in OLDEST:
        raise wrong(
            f"{host}:{port}",
            f"it uses {version}",
            "others on the network may read the traffic",
            f"set the server that terminates TLS there to {OLDEST[0]} or newer",
        )
    until = ssl.cert_time_to_seconds(str((certificate or {}).get("notAfter")))
    return f"{version}, certificate valid until {datetime.fromtimestamp(until, UTC):%Y-%m-%d}"


def redirect(url: str, *, forwarded: bool) -> str:
    """Check the redirect from port 80 of the host of ``url``, as ``redirected`` does.

    Args:
        forwarded: whether ``url`` is a forwarded port, which has no port 80.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if forwarded or parts.port not in (None, 443):
        raise NotCheckedError("only the HTTPS port is forwarded")
    return redirected(f"http://{f'[{host}]' if ':' in host else host}{parts.path}")


def redirected(plain: str) -> str:
    """Send a plain HTTP request to this URL; returns the HTTPS URL that it redirects to."""
    try:
        answer = httpx2.get(plain, timeout=CONNECT_SECONDS, follow_redirects=False, trust_env=False)
    except httpx2.HTTPError as failure:
        raise NotCheckedError(f"port 80 does not answer ({type(failure).__name__})") from failure
    target = answer.headers.get("location", "")
    if answer.is_redirect and target.startswith("https://"):
        return f"{answer.status_code} to {target}"
    raise wrong(
        plain,
        f"it answers {answer.status_code} without a redirect to https://",
        "others on the network can read a token that is sent there",
        "let nothing but the gateway listen on port 80",
    )
