"""Makes documents of log lines in OTLP, and the index template that fits them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

OWN_FIELDS: Final = ("request_id", "category")
"""Attributes that are fields of their own, so that they can be searched exactly."""
LONGEST_VALUE: Final = 8000
"""Characters of an attribute that can be searched: at most 32 KiB in UTF-8, the limit of a term."""
INDEX: Final = "log.index"
"""Attribute of a resource with the data stream that its lines belong to."""
_TEXT: Final = {"type": "keyword", "ignore_above": LONGEST_VALUE}
_FLAT: Final = {
    "elasticsearch": {"type": "flattened", "ignore_above": LONGEST_VALUE},
    "opensearch": {"type": "flat_object"},
}


class MalformedError(Exception):
    """A request that is no OTLP in JSON, or names another index."""


def documents(request: Any, indexes: frozenset[str]) -> dict[str, list[tuple[str, bytes]]]:
    """The documents of a request by their data stream, each with an id that follows from it.

    Raises:
        MalformedError: it is no `ExportLogsServiceRequest` in JSON.
    """
    found: dict[str, list[tuple[str, bytes]]] = {}
    same = Counter[str]()
    try:
        for index, document in _documents(request):
            if index not in indexes:
                raise MalformedError(f"{INDEX} is not one of {', '.join(sorted(indexes))}")
            text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
            written = text.encode(errors="replace")
            same[text] += 1
            digest = hashlib.sha256(written + b"%d" % same[text]).digest()
            name = base64.urlsafe_b64encode(digest[:20]).decode().rstrip("=")
            found.setdefault(index, []).append((name, written))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise MalformedError(f"no OTLP in JSON: {type(error).__name__}") from None
    return found


def _documents(request: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in request.get("resourceLogs", ()):
        origin = _attributes(resource.get("resource", {}).get("attributes", ()))
        index = str(origin.pop(INDEX, ""))
        for scope in resource.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                yield index, _document(origin, record)


def _document(origin: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    attributes = _attributes(record.get("attributes", ()))
    at = int(record.get("timeUnixNano") or record.get("observedTimeUnixNano") or 0)
    document: dict[str, Any] = {
        "@timestamp": _time(at),
        "message": _message(_value(record.get("body", {}))),
        "severity_text": record.get("severityText", ""),
        "severity_number": int(record.get("severityNumber", 0)),
        "trace_id": record.get("traceId"),
        "span_id": record.get("spanId"),
        **{key: origin.get(key) for key in _ORIGIN},
        **{key: attributes.pop(key, None) for key in OWN_FIELDS},
    }
    others = {**{k: v for k, v in origin.items() if k not in _ORIGIN}, **attributes}
    long = {key: text for key, text in others.items() if len(text) > LONGEST_VALUE}
    document["attributes"] = {key: text for key, text in others.items() if key not in long}
    document["long_attributes"] = long
    return {
        key: value
        for key, value in document.items()
        if value not in (None, "", {}) or key == "message"
    }


_ORIGIN: Final = ("service.name", "k8s.namespace.name", "k8s.pod.name", "k8s.container.name")


def _message(body: Any) -> str:
    """The body as text; a line without one has an empty message."""
    if body is None:
        return ""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _attributes(found: Any) -> dict[str, str]:
    """Attributes as texts: an index refuses a number where it has had a text."""
    return {
        one["key"]: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for one in found
        for value in (_value(one.get("value", {})),)
        if value is not None
    }


def _value(value: Any) -> Any:
    """What an `AnyValue` of OTLP holds."""
    if not value:
        return None
    ((kind, held),) = value.items()
    match kind:
        case "intValue":
            return int(held)
        case "arrayValue":
            return [_value(one) for one in held.get("values", ())]
        case "kvlistValue":
            return {one["key"]: _value(one.get("value", {})) for one in held.get("values", ())}
        case _:
            return held


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def index_template(stream: str, kind: Literal["elasticsearch", "opensearch"]) -> dict[str, Any]:
    """The index template of a data stream; `_meta.digest` tells whether one is another.

    Fields that it does not name are stored and not searched, so no line can have too many.
    """
    own: dict[str, Any] = {
        "data_stream": {},
        "index_patterns": [stream],
        "priority": 500,
        "template": {
            "mappings": {
                "dynamic": False,
                "properties": {
                    "@timestamp": {"type": "date_nanos"},
                    "message": {"type": "text"},
                    "severity_number": {"type": "byte"},
                    **{key: _TEXT for key in _EXACT},
                    "attributes": _FLAT[kind],
                    "long_attributes": {"type": "object", "enabled": False},
                },
            },
        },
    }
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]
    return own | {"_meta": {"managed_by": "qudag-mcp", "digest": digest}}


_EXACT: Final = (*_ORIGIN, *OWN_FIELDS, "severity_text", "trace_id", "span_id")
