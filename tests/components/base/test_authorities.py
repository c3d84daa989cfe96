"""Authorities that a user writes in PEM: what is read, and what is refused."""

from __future__ import annotations

import pytest

from components.base.authorities import authority_problems
from tests.harness.authority_certificate import CERTIFICATE

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def refused(ca: str | None, longest: int | None = None) -> list[str]:
    found = authority_problems(ca, read_in="the file", unverified="nothing", longest=longest)
    return [one.what for one in found]


@pytest.mark.parametrize(
    "ca",
    [
        None,
        CERTIFICATE,
        CERTIFICATE * 2,
        CERTIFICATE.replace("\n", "\r\n"),
        f"# Issuer: CN=Zürich\n{CERTIFICATE}\n# the second\n{CERTIFICATE}",
    ],
)
def test_certificates_are_accepted_with_comments_between_them(ca: str | None):
    assert refused(ca) == []


@pytest.mark.parametrize(
    ("ca", "what"),
    [
        ("", "is no certificate"),
        ("/etc/ca.pem", "is no certificate"),
        (BEGIN, "has a certificate that is not whole"),
        (f"{BEGIN}\nnonsense\n{END}\n", "has a certificate that is not whole"),
        (CERTIFICATE[:-60], "has a certificate that is not whole"),
        (f"{CERTIFICATE}{BEGIN}\nTUlJ\n{END}\n", "has a certificate that is not whole"),
        (f"{CERTIFICATE}-----BEGIN EC PRIVATE KEY-----", "contains a private key"),
    ],
)
def test_what_openssl_does_not_read_is_refused(ca: str, what: str):
    assert refused(ca) == [what]


def test_more_than_the_longest_is_refused():
    assert refused(CERTIFICATE, longest=len(CERTIFICATE)) == []
    assert refused(CERTIFICATE, longest=len(CERTIFICATE) - 1) == [
        f"is longer than {len(CERTIFICATE) - 1} characters"
    ]
