"""Request headers that name a client, an address or a path in place of the request itself."""

from __future__ import annotations

from typing import Final

REMOVED_HEADERS: Final = (
    *("Forwarded", "Forwarded-For", "X-Forwarded", "X-Forwarded-By", "X-Forwarded-Client-Cert"),
    *("X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Path", "X-Forwarded-Port"),
    *("X-Forwarded-Prefix", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Server"),
    *("X-Forwarded-Ssl", "X-Forwarded-Uri", "X-Forwarded-User", "X-Original-Forwarded-For"),
    *("X-Original-Host", "X-Original-Method", "X-Original-URI", "X-Original-URL", "X-Rewrite-URL"),
    *("X-Host", "X-Scheme", "X-Url-Scheme", "Front-End-Https", "Client-IP", "X-Client-IP"),
    *("X-Cluster-Client-IP", "X-ProxyUser-Ip", "X-Remote-Addr", "X-Remote-IP", "X-Remote-User"),
    *("X-Authenticated-User", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP"),
    *("X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-Accel-Redirect", "Proxy"),
    *("Proxy-Authorization", "Proxy-Connection", "Remote-User", "X-Auth-Request-User"),
    *("X-Auth-Request-Email", "X-MS-Client-Principal", "X-MS-Client-Principal-Name"),
    *("X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Goog-Authenticated-User-Email"),
)
"""A gateway sends none of them on: frameworks trust these headers from any sender."""

ANSWER_HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What a gateway adds to every answer, besides ``Strict-Transport-Security``."""


def strict_transport(*, preload: bool) -> str:
    """The value of ``Strict-Transport-Security``."""
    return f"max-age=31536000; includeSubDomains{'; preload' if preload else ''}"
