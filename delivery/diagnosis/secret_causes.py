"""Causes in Secrets: absent, without a key, with a certificate that nothing accepts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from components.base.problems import Problem

from ..local_secrets import RequiredSecret
from .cause import Cause, Rank
from .evidence import Evidence

SOON: Final = timedelta(days=14)


def from_secrets(evidence: Evidence, now: datetime | None = None) -> Iterator[Cause]:
    """Causes in the Secrets that the stack's workloads read."""
    for secret in evidence.required:
        if secret.reference not in evidence.keys:
            continue
        keys = evidence.keys[secret.reference]
        if keys is None:
            yield _absent(secret)
            continue
        if missing := [key for key in secret.keys if key not in keys]:
            yield Cause(
                Rank.SECRET,
                Problem(
                    secret.reference,
                    f"it lacks {', '.join(missing)}",
                    "what reads that key does not start",
                    "docs/how-to/rotate-secrets.md says what each key is",
                ),
            )
        if secret.reference in evidence.certificates:
            yield from _certificate(
                secret, evidence.certificates[secret.reference], now or datetime.now(UTC)
            )


def _absent(secret: RequiredSecret) -> Cause:
    return Cause(
        Rank.SECRET,
        Problem(
            secret.reference,
            "it is absent",
            "pods that read it are not started; those that run keep what they have read",
            f"create it with the keys {', '.join(secret.keys)}: docs/how-to/rotate-secrets.md",
        ),
    )


def _certificate(secret: RequiredSecret, pem: str, now: datetime) -> Iterator[Cause]:
    fix = "renew it: docs/how-to/rotate-secrets.md"
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        yield Cause(
            Rank.CERTIFICATE,
            Problem(
                f"{secret.reference}.tls.crt", "it is no certificate", "no TLS server starts", fix
            ),
        )
        return
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    if ends <= now or begins > now:
        which = f"ended on {ends:%Y-%m-%d}" if ends <= now else f"begins on {begins:%Y-%m-%d}"
        yield Cause(
            Rank.CERTIFICATE,
            Problem(
                f"{secret.reference}.tls.crt",
                f"its validity {which}",
                "clients that verify it do not connect",
                fix,
            ),
        )
    elif ends - now < SOON:
        yield Cause(
            Rank.WARNING,
            Problem(
                f"{secret.reference}.tls.crt",
                f"its validity ends on {ends:%Y-%m-%d}",
                "clients that verify it do not connect after that",
                fix,
            ),
        )
    if absent := [name for name in secret.dns_names if not _covers(found, name)]:
        yield Cause(
            Rank.CERTIFICATE,
            Problem(
                f"{secret.reference}.tls.crt",
                f"it is not for {', '.join(absent)}",
                "clients that connect to that name refuse it",
                fix,
            ),
        )


def _covers(certificate: x509.Certificate, name: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    known = [*names.get_values_for_type(x509.DNSName)]
    known += [str(one) for one in names.get_values_for_type(x509.IPAddress)]
    parent = name.partition(".")[2]
    return name in known or (bool(parent) and f"*.{parent}" in known)
