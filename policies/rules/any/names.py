"""Words by which properties of any package say that something is public or not encrypted."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

_ON: Final = frozenset({"true", "enabled", "enable", "on", "yes", "public", "allow", "allowed"})
_OFF: Final = frozenset(
    {"false", "disabled", "disable", "off", "no", "none", "unencrypted", "plaintext", "plain"}
)


def is_on(value: Any) -> bool:
    """Whether a value switches something on, as a truth value or as a word."""
    return value is True or (isinstance(value, str) and value.casefold() in _ON)


def is_off(value: Any) -> bool:
    """Whether a value switches something off."""
    return value is False or (isinstance(value, str) and value.casefold() in _OFF)


_PUBLIC: Final = re.compile(
    r"(is|make|allow|enable|endpoint|database|cluster|master|api)?public(ly)?(network|internet|ip)?"
    r"(access|endpoint|dataendpoint|accessible|read|readaccess)?"
    r"(enabled|enable|allowed)?(for(ingestion|query))?"
    r"|allow(blob|nesteditems(tobe)?)public(access)?"
    r"|(allow|enable|is)?(anonymous|unauthenticated)(access|pull|read|auth|users|requests)?(enabled)?"
    r"|worldreadable"
)
_KEEPS_PRIVATE: Final = re.compile(
    r"(block|restrict|ignore|deny|disable|prevent|forbid)\w*public\w*"
)
_ENCRYPTION: Final = re.compile(
    r"\w*(encrypted|encryption|encryptionenabled|encryptatrest|encryptintransit|encryptionathost)"
    r"|(enable|use|require|force|enforce|verify|validate)?(sse|tls|ssl|https|securetransport)"
    r"(enabled|only|mode|enforced|enforcement|required|verify|verification|trafficonly)?"
    r"|\w*(sse|tls|ssl|https|encryption)(enabled|required|enforced|enforcement|mode)"
    r"|(enable|support)?https(traffic)?only(enabled)?|(verify|require|force|enforce)(ssl|tls|https)"
    r"|clientprotocol|serversideencryption|nodetonodeencryption|encryptionconfiguration"
)
_UNSAFE: Final = re.compile(
    r"(allow)?insecure(connections?|ssl|tls|transport)?|(insecure)?skip(tls|ssl)?(verify|validation)"
    r"|insecureskip(tls)?verify|disable(tls|ssl|https|encryption|sslverification|tlsverification)"
    r"|allow(unencrypted|plaintext|http)(traffic|connections)?|(tls|ssl)(skipverify|insecure|disabled)"
)
_LEAST_TLS: Final = re.compile(
    r"(min(imum|imal)?)?(tls|ssl|protocol)(protocol)?version|mintls|minimumtls"
)
_OLD_TLS: Final = re.compile(
    r"(tls|ssl)?[_v]*(tls)?(1(\.|_)?[01]?|[23](\.0)?)(_2016)?|tls_?version_?1_?[01]|tls_1_[01]"
    r"|policy-min-tls-1-0-\S+|tlsenforcementdisabled"
)
_ADDRESSES: Final = re.compile(
    r"\w*(cidr|cidrs|cidrblock|cidrblocks|cidripv4|cidripv6|cidrip|ipranges?|sourceranges?)"
    r"|(source|remote|inbound|allowed|allow|authorized|trusted|permitted|white|client)\w*"
    r"(ips?|iplist|ipaddress(es)?|address(es)?|addressprefix(es)?|networks?|prefix|list|ranges?)"
    r"|ip(allow|white)list|ipfilter|iprules?"
)
_ACCESS_LIST: Final = re.compile(r"\w*acls?|publicaccess")
_PRINCIPALS: Final = re.compile(r"\w*(principal|principals|member|members|grantee|grantees)")


@cache
def words(name: str) -> frozenset[str]:
    """What a property of this name says, by the names of the patterns above."""
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    patterns = {
        "public": _PUBLIC,
        "keeps private": _KEEPS_PRIVATE,
        "encryption": _ENCRYPTION,
        "unsafe": _UNSAFE,
        "least tls": _LEAST_TLS,
        "addresses": _ADDRESSES,
        "principals": _PRINCIPALS,
        "access list": _ACCESS_LIST,
    }
    return frozenset(word for word, pattern in patterns.items() if pattern.fullmatch(plain))


def is_old_tls(value: Any) -> bool:
    """Whether a version of TLS is older than 1.2."""
    return bool(_OLD_TLS.fullmatch(str(value).casefold()))
