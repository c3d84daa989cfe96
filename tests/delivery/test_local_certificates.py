"""Generated certificates and keys are accepted by the programs that read them."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import jwt
import pytest

from delivery.local_certificates import key_set, new_authority, new_certificate, new_signing_key
from delivery.mcp_client import mint

NAMES = ["mcp-server-service.qudag-mcp-dev.svc", "localhost", "127.0.0.1", "10.250.1.1"]


def shaken(folder: Path, name: str, *, trusted: bytes | None = None) -> str:
    """A real TLS 1.3 handshake with a server that shows our certificate; what was agreed."""
    authority = new_authority()
    certificate, key = new_certificate(authority, NAMES)
    (folder / "chain.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    client = ssl.create_default_context(cadata=(trusted or authority.public).decode())
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as secured:
                secured.recv(1)
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with client.wrap_socket(ours, server_hostname=name) as secured:
        version = secured.version()
        secured.send(b".")
    thread.join(5)
    return version or ""


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_holds_for_each_of_its_names(tmp_path: Path, name: str) -> None:
    assert shaken(tmp_path, name) == "TLSv1.3"


@pytest.mark.parametrize("name", ["mcp-server-service", "10.250.1.2", "example.com"])
def test_a_certificate_holds_for_no_other_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(tmp_path, name)


def test_a_certificate_of_another_authority_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(tmp_path, "localhost", trusted=new_authority().public)


def test_no_two_authorities_share_a_key() -> None:
    assert new_authority().private != new_authority().private


def test_a_minted_token_is_verified_by_the_published_keys() -> None:
    from delivery.local_certificates import private_pem

    key = new_signing_key()
    published = jwt.PyJWKSet.from_dict(key_set(key))
    token = mint(private_pem(key), issuer="https://issuer", audience="qudag-mcp", subject="ada")
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(
        token, published[kid], algorithms=["ES256"], audience="qudag-mcp", issuer="https://issuer"
    )
    assert claims["sub"] == "ada"
    assert 0 < claims["exp"] - claims["iat"] <= 600


def test_the_published_keys_hold_no_private_part() -> None:
    (published,) = key_set(new_signing_key())["keys"]
    assert "d" not in published
