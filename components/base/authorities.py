"""Checks of CA certificates in PEM that a user writes into a program or a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .problems import Problem

CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


def authority_problems(
    ca: str | None, *, read_in: str, unverified: str, longest: int | None = None
) -> Iterator[Problem]:
    """Text that is no CA certificate, is too long, or has a private key beside it.

    Args:
        ca: the certificates; None: those of public CAs. Text between them is ignored.
        read_in: what everyone could read a private key in.
        unverified: the consequence of what is no certificate.
        longest: in characters.
    """
    if ca is None:
        return
    if "PRIVATE KEY" in ca:
        yield Problem(
            "ca",
            "contains a private key",
            f"everyone who reads {read_in} could sign certificates",
            "write the certificates of the CA alone, and replace that key",
        )
    elif not _can_be_read(ca):
        yield Problem(
            "ca",
            "is no certificate" if CERTIFICATE not in ca else "has a certificate that is not whole",
            unverified,
            f"write the certificates in PEM: {CERTIFICATE} and so on",
        )
    elif longest is not None and len(ca) > longest:
        yield Problem(
            "ca",
            f"is longer than {longest} characters",
            "the settings of the server would not fit into a variable of a container",
            "write only the certificate of the CA that signs the receiver's",
        )


def _can_be_read(ca: str) -> bool:
    """Whether OpenSSL reads certificates, and each to its end."""
    import ssl

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=ca.encode("ascii", "replace").decode())
    except (ssl.SSLError, ValueError):
        return False
    return True
