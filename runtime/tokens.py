"""Checks bearer tokens: JSON Web Tokens (RFC 7519) in the profile of access tokens (RFC 9068)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast

import jwt
from jwt.exceptions import InvalidSubjectError
from mcp.server.auth.provider import AccessToken

from .auth_config import AuthSection
from .issuer_keys import KeySet
from .jwk_set import Key

LATEST: Final = 2**40
"""Seconds since the epoch: a time of the year 36,800, which every calculation can hold."""
NO_TIME: Final = "a time of the token is out of range (claim exp, nbf or iat)"
REQUIRED_CLAIMS: Final = ("exp", "iss", "aud", "sub")
LONGEST_SUBJECT: Final = 255
"""OpenID Connect Core, section 2: a `sub` has at most 255 characters."""
_ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - a media type
_PLAIN: Final = (None, "jwt")
_OTHER_TOKENS: Final = {"at_hash": "an ID token", "events": "a security event or logout token"}
"""Claims of tokens that are no access tokens, although an issuer may give them the `typ` JWT."""


class TokenRefusedError(Exception):
    """A token was refused; the message is sent to the client. It holds no value of the token."""


class InsufficientScopeError(Exception):
    """The token is valid, but it lacks a required scope; the message is sent to the client.

    Attributes:
        principal: whose token it is.
    """

    def __init__(self, missing: list[str], principal: AccessToken) -> None:
        super().__init__(f"the token lacks the scope {' '.join(missing)}")
        self.principal = principal


@dataclass(frozen=True)
class Tokens:
    """Checks tokens against their issuers, the issuers' keys and a resource of this server.

    Attributes:
        keys: the key set of each issuer, by its URL.
    """

    auth: AuthSection
    keys: dict[str, KeySet] = field(default_factory=dict[str, KeySet])

    @classmethod
    def of(cls, auth: AuthSection) -> Tokens:
        """A checker whose key sets have not been read yet."""
        return cls(auth, {issuer.issuer: KeySet.of(issuer, auth) for issuer in auth.issuers})

    @property
    def generation(self) -> int:
        """Changes when keys change; cached results of `accept` are invalid then."""
        return sum(keys.generation for keys in self.keys.values())

    async def check(self) -> None:
        """Read the keys of every issuer now; raises the first failure."""
        for keys in self.keys.values():
            await keys.check()

    async def accept(self, token: str, resource: str) -> AccessToken:
        """Return the principal of a valid `token` for `resource`, which is this server's URL.

        The same token may be valid for one resource and not for another.

        Raises:
            TokenRefusedError: the token is not valid.
            InsufficientScopeError: the token lacks a required scope.
            NoKeysError: its issuer's keys could not be read.
        """
        try:
            stated: dict[str, Any] = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, RecursionError):
            raise TokenRefusedError("the token is not a JSON Web Token") from None
        self._check_type(stated["header"], stated["payload"])
        issuer = stated["payload"].get("iss")
        if issuer is None:
            raise TokenRefusedError("the token has no claim iss")
        if not isinstance(issuer, str) or issuer not in self.keys:
            raise TokenRefusedError("the claim iss names another issuer")
        claims = await self._verified(token, stated["header"], issuer, resource)
        if int(claims["exp"]) > LATEST:
            raise TokenRefusedError(NO_TIME)
        subject = self._subject(claims["sub"], issuer)
        scopes = _scopes(claims)
        principal = AccessToken(
            token="",  # a checked token is not kept in memory
            client_id=str(claims.get("client_id") or claims.get("azp") or subject),
            scopes=scopes,
            expires_at=int(claims["exp"]),
            resource=resource,
            subject=subject,
            claims={"iss": issuer},
        )
        if missing := [scope for scope in self.auth.required_scopes if scope not in scopes]:
            raise InsufficientScopeError(missing, principal)
        return principal

    def _check_type(self, header: dict[str, Any], claims: dict[str, Any]) -> None:
        """Refuse tokens of another kind, which may have the same issuer, key and audience."""
        kind = header.get("typ")
        if isinstance(kind, str):
            kind = kind.lower().removeprefix("application/")  # RFC 7515, section 4.1.9
        if kind == _ACCESS_TOKEN:
            return
        if kind not in _PLAIN:
            raise TokenRefusedError("the typ in the header is not the one of an access token")
        if self.auth.access_tokens_only:
            raise TokenRefusedError(f"the typ in the header is not {_ACCESS_TOKEN}")
        for claim, token in _OTHER_TOKENS.items():
            if claim in claims:
                raise TokenRefusedError(f"the claim {claim} shows that this is {token}")

    async def _verified(
        self, token: str, header: dict[str, Any], issuer: str, resource: str
    ) -> dict[str, Any]:
        keys, kid = self.keys[issuer], header.get("kid")
        known = await keys.find(kid)
        for key in known:
            if (claims := self._decoded(token, header, key, issuer, resource)) is not None:
                return claims
        if known:
            for key in await keys.renewed(kid, known):
                if (claims := self._decoded(token, header, key, issuer, resource)) is not None:
                    return claims
            raise TokenRefusedError("the signature does not fit the key that the token names")
        if kid is None:
            raise TokenRefusedError("the token names no key (kid), and its issuer has several")
        raise TokenRefusedError("the token is signed with a key that its issuer does not publish")

    def _decoded(
        self, token: str, header: dict[str, Any], key: Key, issuer: str, resource: str
    ) -> dict[str, Any] | None:
        """The claims of a valid token; None if it is not signed with `key`."""
        if header.get("alg") not in key.algorithms:
            return None
        skew = self.auth.clock_skew_seconds
        try:
            return jwt.decode(
                token,
                key.public,
                algorithms=key.algorithms,
                audience=[resource, *self.auth.additional_audiences],
                issuer=issuer,
                leeway=skew,
                options={"require": list(REQUIRED_CLAIMS)},
            )
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            return None
        except OverflowError:
            raise TokenRefusedError(NO_TIME) from None
        except jwt.MissingRequiredClaimError as missing:
            raise TokenRefusedError(f"the token has no claim {missing.claim}") from None
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError("the token has expired (claim exp)") from None
        except jwt.ImmatureSignatureError as early:
            claim = "iat" if "(iat)" in str(early) else "nbf"
            raise TokenRefusedError(
                f"the claim {claim} is in the future, and clocks may differ by {skew:g} s only"
            ) from None
        except jwt.InvalidAudienceError:
            raise TokenRefusedError(
                f"the claim aud names another audience than {resource}"
            ) from None
        except InvalidSubjectError:
            raise TokenRefusedError("the claim sub is not text") from None
        except jwt.InvalidTokenError as error:
            claim = next((c for c in ("exp", "nbf", "iat", "jti") if f"({c})" in str(error)), None)
            raise TokenRefusedError(
                f"the claim {claim} is not a number" if claim else "the token is not valid"
            ) from None

    def _subject(self, stated: str, issuer: str) -> str:
        """The user's name here: the `sub`; with its issuer in front for an additional issuer."""
        if not stated.strip():
            raise TokenRefusedError("the claim sub is empty")
        if len(stated) > LONGEST_SUBJECT:
            raise TokenRefusedError(f"the claim sub is longer than {LONGEST_SUBJECT} characters")
        if not stated.isprintable():
            raise TokenRefusedError("the claim sub has control characters")
        others = [f"{other.issuer}#" for other in self.auth.additional_issuers]
        if issuer != self.auth.issuer:
            return f"{issuer}#{stated}"
        if stated.startswith(tuple(others)):
            raise TokenRefusedError("the claim sub is the name of another issuer's user")
        return stated


def _scopes(claims: dict[str, Any]) -> list[str]:
    """The scopes of a token: `scope` (RFC 9068), or `scp` of Entra ID and Okta."""
    stated = claims.get("scope", claims.get("scp", ""))
    if isinstance(stated, str):
        return stated.split()
    if not isinstance(stated, list):
        return []
    return [one for one in cast("list[object]", stated) if isinstance(one, str)]
