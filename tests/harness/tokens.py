"""A token issuer for tests: a key pair, its JWK Set in a file, and signed tokens."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://issuer.test"
AUDIENCE = "https://mcp.test/mcp"


@dataclass(frozen=True)
class Issuer:
    """Signs tokens; `jwks_file` contains the public keys for the server."""

    key: rsa.RSAPrivateKey
    jwks_file: Path
    kid: str = "test-key"

    @classmethod
    def at(cls, directory: Path) -> Issuer:
        """Create a key pair, with its JWK Set in `directory`."""
        issuer = cls(rsa.generate_private_key(65537, 2048), directory / "jwks.json")
        issuer.jwks_file.write_text(json.dumps({"keys": [issuer.jwk()]}))
        return issuer

    def jwk(self) -> dict[str, Any]:
        """The public key as a JWK (RFC 7517)."""
        public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return public | {"kid": self.kid, "use": "sig", "alg": "RS256"}

    def token(
        self,
        *,
        lives_seconds: float = 600,
        kid: str | None = None,
        typ: str | None = "JWT",
        **claims: Any,
    ) -> str:
        """A token that the test servers accept, unless the given claims make it invalid."""
        now = int(time.time())
        payload: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "client_id": "tests",
            "iat": now,
            "exp": now + int(lives_seconds),
        }
        payload |= claims
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, self.key, "RS256", headers={"kid": kid or self.kid, "typ": typ})
