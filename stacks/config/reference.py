"""Tables for docs/reference/configuration.md: each field with its form, default and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from .alerts import ALERT_FORMS
from .backup import BACKUP_FORMS
from .cloudnative_pg import POSTGRES_FORMS
from .clouds import CLOUD_FORMS
from .data import DATA_FORMS
from .forms import FORMS
from .grafana import GRAFANA_FORMS
from .kubernetes import KUBERNETES_FORMS
from .secret_store import SECRET_STORE_FORMS
from .server_forms import SERVER_FORMS
from .stack import StackConfig

_FORMS: Final = {
    **FORMS,
    **CLOUD_FORMS,
    **SERVER_FORMS,
    **DATA_FORMS,
    **KUBERNETES_FORMS,
    **SECRET_STORE_FORMS,
    **BACKUP_FORMS,
    **ALERT_FORMS,
    **GRAFANA_FORMS,
    **POSTGRES_FORMS,
}


def section_table(name: str) -> str:
    """The fields of the model ``name`` as a Markdown table, in the order of the model."""
    schema = _schema()
    model = schema if name == StackConfig.__name__ else schema["$defs"][name]
    rows = [
        f"| `{field}` | {_cell(_form(stated))} "
        f"| {'required' if field in model.get('required', ()) else _default(stated)} "
        f"| {_cell(_meaning(stated, schema['$defs']))} |"
        for field, stated in model["properties"].items()
    ]
    return "\n".join(["| field | form | default | meaning |", "|---|---|---|---|", *rows])


@cache
def _schema() -> dict[str, Any]:
    return StackConfig.model_json_schema(by_alias=True)


def forms_table() -> str:
    """Every form of text, in words and with examples, as a Markdown table."""
    rows: list[str] = []
    for form in _FORMS.values():
        examples = ", ".join(f"`{_cell(example)}`" for example in form.examples)
        rows.append(f"| {form.name} | {_cell(form.words)} | {examples} | {form.consequence} |")
    return "\n".join(["| form | what it is | examples | otherwise |", "|---|---|---|---|", *rows])


def _meaning(stated: dict[str, Any], models: dict[str, Any]) -> str:
    model = stated.get("$ref", "").rpartition("/")[2]
    return (stated.get("description") or models[model]["description"]).replace("``", "`")


def _form(stated: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_forms(stated)))


def _forms(stated: dict[str, Any]) -> Iterator[str]:
    """What a field accepts, in words; null is the same as leaving it out and not told."""
    kind = stated.get("type")
    if arms := stated.get("anyOf"):
        texts = any(arm.get("type") == "string" for arm in arms)
        for arm in arms:
            if not (texts and arm.get("type") == "number"):  # the form of the text is that of both
                yield from _forms(arm)
    elif reference := stated.get("$ref"):
        model = reference.rpartition("/")[2]
        yield f"keys of [{model}](#{model.lower()})"
    elif choices := stated.get("enum") or ("const" in stated and [stated["const"]]):
        yield ", ".join(f"`{choice}`" for choice in choices)
    elif form := _FORMS.get(stated.get("pattern", "")):
        yield f"[{form.name}](#forms)"
    elif kind == "integer":
        least, most = stated.get("minimum"), stated.get("maximum")
        yield f"whole number from {least}" + (f" to {most}" if most is not None else "")
    elif kind == "number":
        above, least, most = (
            stated.get(bound) for bound in ("exclusiveMinimum", "minimum", "maximum")
        )
        yield (f"number above {above}" if least is None else f"number from {least}") + (
            f" to {most}" if most is not None else ""
        )
    elif kind == "string":
        yield "text"
    elif kind == "boolean":
        yield "`true`, `false`"
    elif kind == "array":
        yield f"list of: {_form(stated['items'])}"
    elif kind == "object":
        (inner,) = stated.get(
            "patternProperties", {"": stated.get("additionalProperties")}
        ).values()
        # ``true`` is JSON Schema for anything.
        yield "names and values" if inner is True else f"names, each with {_form(inner)}"


def _default(stated: dict[str, Any]) -> str:
    default = stated.get("default")
    if default in (None, {}):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
