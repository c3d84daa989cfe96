"""Turns the lines of every service into one form, and masks secrets and personal data in them.

The statements are in OTTL, the language of the collector's ``transform`` processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..base.arg_types import DnsLabel

Addresses = Literal["keep", "network", "drop"]
Subjects = Literal["keep", "hash", "drop"]

SECURITY: Final = "security"
"""Value of the attribute ``category`` of security events."""


@dataclass(frozen=True, kw_only=True)
class LogMasking:
    """What becomes of personal data. E-mail addresses, tokens and passwords are always masked.

    Attributes:
        addresses: IP addresses: ``network`` keeps 24 bits of IPv4 and 32 of IPv6.
        subjects: the ``sub`` of callers' tokens: ``hash`` keeps the first 16 digits of its SHA-256,
            by which lines of one caller are found. Whoever can guess the subject can compute it.
    """

    addresses: Addresses = "network"
    subjects: Subjects = "hash"


_TEXT_FORMATS: Final[Mapping[str, str]] = {
    "postgres": r"(?s)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \S+ \[(?P<pid>\d+)\] "
    r"(?P<level>[A-Z][A-Z0-9]+):\s+(?P<message>.*)$",
    "valkey": r"^(?P<pid>\d+):(?P<role>[XCSM]) \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d+ "
    r"(?P<level>[.*#-]) (?P<message>.*)$",
    "nginx": r"(?s)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(?P<level>\w+)\] "
    r"(?P<pid>\d+)#\d+: (?P<message>.*)$",
    "envoy": r"(?s)^\[\d{4}-[^\]]+\]\[\d+\]\[(?P<level>\w+)\]\[(?P<logger>\w+)\] (?P<message>.*)$",
}
"""Lines that are not JSON: of PostgreSQL, Valkey, nginx's error log, and Envoy."""
_LOGFMT: Final = r"^time=\S+ level=\w+ "
"""Exporters of metrics, Prometheus and Alertmanager."""

_LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "debug": ("DEBUG", r"^(?i)(trace|debug[1-5]?|\.|-)$"),
    "info": ("INFO", r"^(?i)(info|information|log|notice|detail|hint|statement|context|\*)$"),
    "warn": ("WARN", r"^(?i)(warn|warning|#)$"),
    "error": ("ERROR", r"^(?i)(error|err)$"),
    "fatal": ("FATAL", r"^(?i)(critical|crit|alert|emerg|fatal|panic)$"),
}
"""The name of a severity, its number in OTTL, and the words and signs that programs write."""

_SECURITY_EVENTS: Final = r"^(token_refused|session_refused|audit_[a-z_]+)$"
_SECURITY_TEXTS: Final = (
    r"(?i)(authentication failed|no pg_hba.conf entry|permission denied for|WRONGPASS|NOAUTH"
    r"|NOPERM|client SSL certificate verify error|access forbidden by rule)"
)

_HIDDEN_KEYS: Final = (
    r"(?i)(passwords?|passwd|passphrases?|secrets?|credentials?|authorization|cookies?|token"
    r"|tokens\.[0-9]+|(^|[._-])pwd"
    r"|(api|access|secret|private|signing|encryption|master)[._-]?keys?)(\.|$)"
)
"""Ends of keys, and of those of maps and lists, whose values are removed: ``dbPassword``,
``secret.value``. Numbers of tokens (``total_tokens``) stay."""
_NAMED: Final = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credentials?"
    r"|(?:api|access|secret|private|signing|encryption|master)[_-]?key"
)
"""Ends of names before a value in a text: ``PGPASSWORD=…``, ``"apiKey": "…"``."""
SECRET_TEXTS: Final[Sequence[tuple[str, str]]] = (
    (r"(?s)-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}.*?(-{5}END [A-Z ]*PRIVATE KEY-{5}|$)", "<key>"),
    (r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?", "<token>"),
    (r"(?i)((?:set-)?cookie\\*[\"']?\s*[=:]\s*\\*[\"']?)[^\"'\\\r\n]+", "${1}<cookie>"),
    (r"(?i)\b(bearer|basic|apikey)\s+[A-Za-z0-9._~+/=-]{6,}", "${1} <token>"),
    (
        r"(?i)(authorization\\*[\"']?\s*[=:]\s*\\*[\"']?(?:token\s+)?)[A-Za-z0-9._~+/=:-]{12,}",
        "${1}<token>",
    ),
    (
        r"\b(?:(?:gh[pousr]|github.pat|glpat|hf|hvs|npm|sk|xox[abprs])[_.-][A-Za-z0-9_-]{12,}"
        r"|AIza[A-Za-z0-9_-]{30,})",
        "<token>",
    ),
    # Of SQL: a text, one with escapes, and one between dollars.
    (
        r"(?i)(password\s+)(?:e?'(?:[^'\\]|''|\\.)*(?:'|$)|\$\w*\$[^$]*(?:\$\w*\$|$))",
        "${1}'<secret>'",
    ),
    (
        rf"(?i)({_NAMED})"
        r"""(?:(\\+["']\s*[=:]\s*\\+["'])[^"'\\]*|(["']?\s*[=:]\s*")(?:[^"\\]|\\.)*"""
        r"""|(["']?\s*[=:]\s*')[^']*|(["']?\s*[=:]\s*)[^\s"'&,;<>]+)""",
        "${1}${2}${3}${4}${5}<secret>",
    ),
    (rf"(?i)(--(?:[a-z][a-z-]{{0,30}}?)??(?:{_NAMED})\s+)[^\s-]\S*", "${1}<secret>"),
    (r"""://[^/\s:@"'<>]*:[^/\s"'<>]+@""", "://<credentials>@"),
)
"""Texts that contain a secret, as far as their form shows it, and what is shown instead."""
_HIDDEN_TEXTS: Final[Sequence[tuple[str, str]]] = (
    *SECRET_TEXTS,
    (r"""([\w/])\?[^\s"'<>]{2,}""", "${1}?<query>"),
)
_EMAIL: Final = (
    "[A-Za-z0-9._%+\u00c0-\u052f-]+@[A-Za-z0-9\u00c0-\u052f-]+(\\.[A-Za-z0-9\u00c0-\u052f-]+)+",
    "<e-mail>",
)
"""In Latin, Greek and Cyrillic letters."""
_IPV4: Final = (
    r"\b((?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){2})\.(?:\d{1,3})\b"
)
_IPV6: Final = (
    r"\b(?:([23][0-9a-fA-F]{3}|[fF][c-eC-E][0-9a-fA-F]{2})::[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5}"
    r"|([0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4})(?::[0-9a-fA-F]{0,4}){2,6})"
)
"""The first form has zeros after its first group: ``fe80::1``."""
_ADDRESSES: Final[Mapping[Addresses, Sequence[tuple[str, str]]]] = {
    "keep": (),
    "network": ((_IPV4, "${1}.0"), (_IPV6, "${1}${2}::")),
    "drop": ((_IPV4, "<address>"), (_IPV6, "<address>")),
}


def normalizing_statements(services: Sequence[DnsLabel]) -> list[dict[str, Any]]:
    """Statements that give each line a severity, a service, a message and its ids.

    Args:
        services: names of the workloads, with which the names of their pods begin.
    """
    return [
        _group(_service(services)),
        _group(
            [
                'merge_maps(log.attributes, ParseJSON(log.body), "upsert")',
                'set(log.attributes["parsed"], true)',
            ],
            r'IsString(log.body) and IsMatch(log.body, "(?s)^\\{.*\\}\\s*$")',
        ),
        *(
            _group(
                [
                    f"merge_maps(log.attributes, ExtractPatterns(log.body, {_text(form)}), "
                    '"upsert")',
                    'set(log.body, log.attributes["message"])',
                ],
                f'log.attributes["parsed"] == nil and IsMatch(log.body, {_text(form)})',
            )
            for form in _TEXT_FORMATS.values()
        ),
        _group(
            ['merge_maps(log.attributes, ParseKeyValue(log.body, "=", " "), "upsert")'],
            f'log.attributes["parsed"] == nil and IsMatch(log.body, {_text(_LOGFMT)})',
        ),
        _group([*_messages(), *_severities(), *_ids()]),
        _group(
            [f'set(log.attributes["category"], "{SECURITY}")'],
            f'IsMatch(log.attributes["event"], {_text(_SECURITY_EVENTS)})',
            r'IsMatch(log.attributes["status"], "^40[13](\\.0)?$")',
            'log.attributes["refused"] != nil',
            f"IsMatch(log.body, {_text(_SECURITY_TEXTS)})",
        ),
        _group(
            [
                f'delete_key(log.attributes, "{key}")'
                for key in ("parsed", "time", "ts", "level", "msg", "message", "logtag")
            ]
        ),
    ]


def masking_statements(masking: LogMasking) -> list[dict[str, Any]]:
    """Statements that mask secrets and personal data, after those of ``normalizing_statements``."""
    patterns = [*_HIDDEN_TEXTS, _EMAIL, *_ADDRESSES[masking.addresses]]
    subject = {
        "keep": [],
        "hash": [
            'set(log.attributes["subject"], Substring(SHA256(log.attributes["subject"]), 0, 16)) '
            'where IsString(log.attributes["subject"])'
        ],
        "drop": ['delete_key(log.attributes, "subject")'],
    }[masking.subjects]
    return [
        _group(
            [
                # Patterns are replaced in texts alone: maps and lists become one key a text.
                "flatten(log.attributes)",
                f"delete_matching_keys(log.attributes, {_text(_HIDDEN_KEYS)})",
                *subject,
                *(
                    statement
                    for found, shown in patterns
                    for statement in (
                        f"replace_pattern(log.body, {_text(found)}, {_text(shown)})",
                        f'replace_all_patterns(log.attributes, "value", {_text(found)}, '
                        f"{_text(shown)})",
                    )
                ),
            ]
        )
    ]


def _service(services: Sequence[DnsLabel]) -> list[str]:
    named = 'set(resource.attributes["service.name"], '
    longest_first = "|".join(sorted(services, key=lambda name: (-len(name), name)))
    pod = 'resource.attributes["k8s.pod.name"]'
    form = f"^(?P<service>{longest_first})-"
    return [
        f'{named}resource.attributes["k8s.container.name"])',
        *(
            [f'{named}ExtractPatterns({pod}, "{form}")["service"]) where IsMatch({pod}, "{form}")']
            if services
            else []
        ),
    ]


def _messages() -> list[str]:
    """The message: of an event its name, of a request its method, path and status."""
    asked = 'log.attributes["method"] != nil and log.attributes["event"] == nil'
    shown = 'log.attributes["{0}"], String(log.attributes["status"])], " ")'
    start = 'set(log.body, Concat([log.attributes["method"], '
    return [
        f'{start}{shown.format("path")}) where {asked} and log.attributes["path"] != nil',
        f'{start}{shown.format("host")}) where {asked} and log.attributes["host"] != nil',
        *(
            f'set(log.body, log.attributes["{key}"]) where IsString(log.attributes["{key}"]) '
            'and (log.attributes["parsed"] == true or log.attributes["msg"] != nil)'
            for key in ("refused", "failed", "msg", "message", "event")
        ),
    ]


def _severities() -> list[str]:
    status, unset = 'log.attributes["status"]', 'log.attributes["level"] == nil'
    return [
        f'set(log.attributes["level"], "info") where {unset} and {status} == nil',
        f'set(log.attributes["level"], "error") where {unset} and IsMatch({status}, "^5")',
        f'set(log.attributes["level"], "warn") where {unset} and IsMatch({status}, "^4")',
        f'set(log.attributes["level"], "info") where {unset}',
        "set(log.severity_number, SEVERITY_NUMBER_INFO)",
        'set(log.severity_text, "info")',
        *(
            statement
            for name, (number, form) in _LEVELS.items()
            for statement in (
                f"set(log.severity_number, SEVERITY_NUMBER_{number}) "
                f'where IsMatch(log.attributes["level"], {_text(form)})',
                f'set(log.severity_text, "{name}") '
                f'where IsMatch(log.attributes["level"], {_text(form)})',
            )
        ),
    ]


def _ids() -> list[str]:
    found: list[str] = []
    for key, digits in (("trace_id", 32), ("span_id", 16)):
        value = f'log.attributes["{key}"]'
        found += [
            f'set(log.{key}.string, {value}) where IsMatch({value}, "^[0-9a-f]{{{digits}}}$") '
            f'and {value} != "{"0" * digits}"',
            f'delete_key(log.attributes, "{key}")',
        ]
    return found


def _group(statements: Sequence[str], *conditions: str) -> dict[str, Any]:
    """Statements that run on lines for which any of the conditions holds."""
    named = {"conditions": [*map(_verbatim, conditions)]} if conditions else {}
    return {"context": "log", **named, "statements": [*map(_verbatim, statements)]}


def _text(value: str) -> str:
    """A string literal of OTTL."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _verbatim(statement: str) -> str:
    """Text in which the collector looks for no variables."""
    return statement.replace("$", "$$")
