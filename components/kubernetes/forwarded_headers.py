"""Headers that a gateway does not send on: of requests to a server, and of a server's answers."""

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

HIDDEN_HEADERS: Final = (
    # Internal addresses: of the server, or of its files.
    *("Location", "Content-Location", "Refresh", "Link", "SourceMap", "X-SourceMap"),
    # Browsers apply them to every server of the same origin.
    *("Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Alt-Svc", "Public-Key-Pins", "Expect-CT"),
    *("Strict-Transport-Security", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"),
    *("Content-Security-Policy", "Content-Security-Policy-Report-Only", "Permissions-Policy"),
    *("Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"),
    *("Feature-Policy", "Origin-Agent-Cluster", "Service-Worker-Allowed", "Speculation-Rules"),
    *("Report-To", "Reporting-Endpoints", "NEL", "Timing-Allow-Origin", "Accept-CH", "Set-Login"),
    *("X-XSS-Protection", "X-Permitted-Cross-Domain-Policies", "Document-Policy"),
    # A client would take them for the gateway's.
    *("Proxy-Authenticate", "Proxy-Authentication-Info", "Authentication-Info", "X-Request-ID"),
    *("X-User", "X-User-Scopes", "X-User-Client", "X-Refusal", "X-Resource-Path"),
    *("X-Resource-Host", "X-Robots-Tag"),
    # About the software, or one connection. nginx removes Server, Date and X-Accel-* itself.
    *("Via", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version", "X-Generator", "X-Runtime"),
    *("Proxy-Connection", "Trailer", "Upgrade", "TE", "Keep-Alive"),
)
"""Headers removed from answers of the user's servers: nginx cannot pass listed ones only."""

CHECKED_HIDDEN_HEADERS: Final = (
    *("WWW-Authenticate", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"),
    *("Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Max-Age"),
    *("Access-Control-Expose-Headers", "Access-Control-Allow-Private-Network"),
)
"""Headers removed from answers of servers whose tokens and origins the gateway checks."""

ANSWER_HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What a gateway adds to every answer, besides ``Strict-Transport-Security``."""


def strict_transport(*, preload: bool) -> str:
    """The value of ``Strict-Transport-Security``."""
    return f"max-age=31536000; includeSubDomains{'; preload' if preload else ''}"
