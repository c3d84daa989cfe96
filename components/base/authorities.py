"""Checks of authorities in PEM that a user writes into a program or a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .problems import Problem

CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


def authority_problems(ca: str | None, *, read_in: str, unverified: str) -> Iterator[Problem]:
    """An authority that is no certificate, or has a private key beside it.

    Args:
        ca: the certificates; None: those of public authorities.
        read_in: what everyone could read a private key in.
        unverified: the consequence of what is no certificate.
    """
    if ca is None:
        return
    if "PRIVATE KEY" in ca:
        yield Problem(
            "ca",
            "contains a private key",
            f"everyone who reads {read_in} could sign certificates",
            "write the certificates of the authority alone, and replace that key",
        )
    elif not ca.lstrip().startswith(CERTIFICATE):
        yield Problem(
            "ca",
            "is no certificate",
            unverified,
            f"write the certificates in PEM: {CERTIFICATE} and so on",
        )
