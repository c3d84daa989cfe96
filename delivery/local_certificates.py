"""Creates the certificates and signing keys of a local cluster, in memory only."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwt.algorithms import ECAlgorithm

_LIFETIME = timedelta(days=825)  # common clients accept no longer lifetime


@dataclass(frozen=True)
class Authority:
    """The certificate authority of a local cluster."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> bytes:
        """The CA's certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def private(self) -> bytes:
        """The CA's private key as PEM."""
        return private_pem(self.key)

    @classmethod
    def from_pem(cls, certificate: bytes, key: bytes) -> Authority:
        return cls(x509.load_pem_x509_certificate(certificate), signing_key(key))


def signing_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Parse an elliptic curve private key; raises ``TypeError`` for another kind of key."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{type(key).__name__} is not an elliptic curve key")
    return key


def new_signing_key() -> ec.EllipticCurvePrivateKey:
    """Generate a key for ES256 signatures."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority() -> Authority:
    """Generate a CA; its private key is stored only in the cluster."""
    key = new_signing_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "qudag-mcp local authority")])
    certificate = (
        _certificate_builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def new_certificate(authority: Authority, names: Sequence[str]) -> tuple[bytes, bytes]:
    """Issue a server certificate for DNS names and IP addresses; returns it and its key as PEM."""
    key = new_signing_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    issuer_key = authority.key.public_key()
    certificate = (
        _certificate_builder(subject, authority.certificate.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private_pem(key)


def _certificate_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # a node's clock may be slow
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key as unencrypted PEM (PKCS #8), for a Secret."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def key_set(key: ec.EllipticCurvePrivateKey) -> dict[str, list[dict[str, Any]]]:
    """The public key as a JWK Set (RFC 7517) whose key id is the thumbprint (RFC 7638)."""
    public: dict[str, Any] = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [public | {"kid": key_id(key), "alg": "ES256", "use": "sig"}]}


def key_id(key: ec.EllipticCurvePrivateKey) -> str:
    """The RFC 7638 thumbprint of the public key."""
    public: dict[str, Any] = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    digest = hashes.Hash(hashes.SHA256())
    digest.update(json.dumps(members, separators=(",", ":"), sort_keys=True).encode())
    return base64.urlsafe_b64encode(digest.finalize()).decode().rstrip("=")
