"""Turns pydantic's validation errors into problems: path, what is wrong, consequence, fix."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from components.base.constraints import UNSHOWN, Form, not_a_number, out_of_range, shown
from components.base.problems import Problem, nearest
from graph.project import KEY_PREFIX

from .alerts import ALERT_FORMS
from .backup import BACKUP_FORMS
from .cloudnative_pg import POSTGRES_FORMS
from .clouds import CLOUD_FORMS
from .data import DATA_FORMS
from .forms import FORMS
from .grafana import GRAFANA_FORMS
from .kubernetes import KUBERNETES_FORMS
from .pods import SecretKey
from .renamed_fields import RENAMED
from .secret_store import SECRET_STORE_FORMS, SecretStoreFields
from .server_forms import SERVER_FORMS
from .stack import StackConfig

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_./-]*")
_SECRET = re.compile(r"passw|pwd|secret|token|credential|private|api_?key", re.IGNORECASE)
_HIDDEN_SECTION: Final = "secrets"
"""Section whose values are never shown: what does not belong there may be a secret itself."""
_WITH_NO_NAME: Final = frozenset(field.alias for field in SecretStoreFields.model_fields.values())
"""Fields of that section that name no Secret."""
_CHOICE: Final = re.compile(r"'([^']*)'|\b(\d+)\b")
_ALIKE: Final = 0.7
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


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the name that they have in YAML."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def dotted(steps: tuple[int | str, ...]) -> str:
    """The path of a value, as ``pulumi config set --path`` takes it."""
    path = KEY_PREFIX
    for index, step in enumerate(steps):
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            name = step if _PLAIN.fullmatch(step) else f"[{step!r}]"
            path += name if index == 0 or name[0] == "[" else f".{name}"
    return path


def worded(detail: ErrorDetails) -> Problem:
    """One of pydantic's findings about a StackConfig, as the person who wrote it is told."""
    steps = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _unknown(steps, detail["input"])
    is_key = steps[-1] == "[key]"
    value = steps[-2] if is_key else detail["input"]
    said = _Said(
        value=value,
        shown=UNSHOWN if _is_hidden(steps, value) else shown(value),
        field=_field(steps),
        annotation=_annotation((*steps[:-2], "[key]") if is_key else steps),
        context=cast("Mapping[str, Any]", detail.get("ctx", {})),
    )
    what, fix = _WORDS.get(detail["type"], _otherwise)(said)
    return Problem(dotted(steps), f"its name {what}" if is_key else what, _consequence(said), fix)


def _is_hidden(steps: tuple[int | str, ...], value: object) -> bool:
    """Whether a value may be a secret: of the section of Secrets, or under the name of one."""
    named = isinstance(value, str) and (
        _SECRET.search(str(steps[-1])) or _model(_annotation(steps)) is SecretKey
    )
    return bool(named) or _HIDDEN_SECTION in steps


def _consequence(said: _Said) -> str:
    if stated := said.context.get("consequence") or (said.form and said.form.consequence):
        return stated
    meaning = said.field.description if said.field else None
    if not meaning and (model := _model(said.annotation)):
        meaning = (model.__doc__ or "").partition("\n")[0]
    return f"it cannot be used as: {(meaning or 'a part of the configuration').rstrip('.')}"


def guess(steps: tuple[int | str, ...]) -> tuple[int | str, ...] | None:
    """The path of the known key that is most similar to an unknown one."""
    model = _model(_annotation(steps[:-1]))
    meant = nearest(str(steps[-1]), fields_of(model)) if model else None
    return (*steps[:-1], meant) if meant else None


def is_word(name: str) -> bool:
    """Whether a section is a single text, and not keys or a list."""
    field = fields_of(StackConfig).get(name)
    return field is not None and not (_model(field.annotation) or _container(field.annotation))


def _unknown(steps: tuple[int | str, ...], value: object) -> Problem:
    key = str(steps[-1])
    model = _model(_annotation(steps[:-1]))
    known = fields_of(model) if model else {}
    what, consequence = (
        f"there is no {key!r} here",
        "it would have no effect, and no command would report that",
    )
    section, _, rest = key.partition(".")
    if len(steps) == 1 and rest and section in known:
        fix = f"write {rest} on a line of its own below {KEY_PREFIX}{section}, indented"
    elif steps[0] == _HIDDEN_SECTION and len(steps) == 2:
        names = [field for field in known if field not in _WITH_NO_NAME]
        fix = f"write one of: {', '.join(names)}; each with the name of a Secret, never its content"
    elif new := RENAMED.get(".".join(map(str, steps))):
        fix = f"write {new}: this is its name now"
    elif (meant := nearest(key, known)) and _alike(key, meant):
        fix = f"write {meant}"
    elif _SECRET.search(key) and isinstance(value, str):
        consequence = "the secret would be stored in Git"
        fix = "remove it, and rotate the secret; the section secrets takes names of Secrets"
    else:
        fix = f"remove it, or write one of: {', '.join(known)}"
    return Problem(dotted(steps), what, consequence, fix)


def _alike(written: str, known: str) -> bool:
    """Whether a known name is near enough to tell people to write it, and not just to ask."""
    return SequenceMatcher(None, written.lower(), known.lower()).ratio() >= _ALIKE


def _annotation(steps: tuple[int | str, ...]) -> Any:
    """The annotation of what ``steps`` lead to."""
    found: Any = StackConfig
    for step in steps:
        found = _inside(found, step)
    return found


def _inside(annotation: Any, step: int | str) -> Any:
    if model := _model(annotation):
        found = fields_of(model).get(str(step))
        return found.annotation if found else None
    container = get_args(_container(annotation))
    return container[0 if step == "[key]" else -1] if container else annotation


def _field(steps: tuple[int | str, ...]) -> FieldInfo | None:
    """The innermost field on the way of ``steps``."""
    annotation, field = cast("Any", StackConfig), None
    for step in steps:
        if model := _model(annotation):
            field = fields_of(model).get(str(step), field)
        annotation = _inside(annotation, step)
    return field


def _options(annotation: Any) -> tuple[Any, ...]:
    """What an annotation may be, without Annotated and None."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(option for arm in get_args(annotation) for option in _options(arm))
    return () if annotation is type(None) else (annotation,)


def _model(annotation: Any) -> type[BaseModel] | None:
    models = (o for o in _options(annotation) if isinstance(o, type) and get_origin(o) is None)
    return next((model for model in models if issubclass(model, BaseModel)), None)


def _container(annotation: Any) -> Any:
    return next((o for o in _options(annotation) if get_origin(o) in (list, dict)), None)


@dataclass(frozen=True, kw_only=True)
class _Said:
    """A validation error with its field: the input of each message."""

    value: object
    shown: str
    field: FieldInfo | None
    annotation: Any
    context: Mapping[str, Any]

    @property
    def constraints(self) -> list[Any]:
        """What pydantic holds a value to: of the field, or of an entry of its list or mapping."""
        arms = [self.annotation, *get_args(self.annotation)]
        stated = [m for arm in arms if get_origin(arm) is Annotated for m in get_args(arm)[1:]]
        stated += [] if stated or not self.field else self.field.metadata
        return [inner for outer in stated for inner in getattr(outer, "metadata", [outer])]

    @property
    def form(self) -> Form | None:
        patterns = [getattr(constraint, "pattern", None) for constraint in self.constraints]
        return next((_FORMS[pattern] for pattern in patterns if pattern in _FORMS), None)

    @property
    def wanted(self) -> str:
        if form := self.form:
            return form.wanted
        if any(hasattr(constraint, "ge") for constraint in self.constraints):
            return f"a whole number {self.range[1]}"
        return "text, in quotes"

    @property
    def range(self) -> tuple[int, str]:
        """The least number, and the whole range in words."""
        least = next((c.ge for c in self.constraints if hasattr(c, "ge")), 0)
        most = next((c.le for c in self.constraints if hasattr(c, "le")), None)
        return least, f"from {least}" + ("" if most is None else f" to {most}")


Wording = Callable[[_Said], tuple[str, str]]


def _number(said: _Said) -> tuple[str, str]:
    return not_a_number(said.shown, said.value, f"a whole number {said.range[1]}")


def _range(said: _Said) -> tuple[str, str]:
    return out_of_range(cast("int", said.value), *said.range)


def _choice(said: _Said) -> tuple[str, str]:
    choices = [quoted or number for quoted, number in _CHOICE.findall(said.context["expected"])]
    known = f"is {said.shown}; the choices are {', '.join(choices)}"
    if not isinstance(said.value, str) and str(said.value) in choices:
        return f"is the number {said.shown}, not text", f'put it in quotes: "{said.value}"'
    meant = None
    if isinstance(said.value, str):
        longer = [c for c in choices if said.value.lower().startswith(c)]
        meant = nearest(said.value, choices) or next(iter(longer), None)
    return known, f"write {meant or ' or '.join(choices)}"


def _text(said: _Said) -> tuple[str, str]:
    if said.form and (problem := said.form.problem("", said.value)):
        what = problem.what.replace(shown(said.value), said.shown)
        return what, problem.fix
    return f"is {said.shown}, not text", f"write {said.wanted}"


def _list(said: _Said) -> tuple[str, str]:
    entry = said.value if isinstance(said.value, str) else "entry"
    return f"is {said.shown}, not a list", f"write each entry on a line below it: - {entry}"


def _mapping(said: _Said) -> tuple[str, str]:
    model = _model(said.annotation)
    keys = ", ".join(fields_of(model)) if model else "names and their values"
    what = "is empty" if said.value is None else f"is {said.shown}, where keys are expected"
    if not keys:
        return what, "write {}: it has no keys; or leave it out"
    return what, f"write its keys on lines below it, indented ({keys}), or leave it out"


def _missing(said: _Said) -> tuple[str, str]:
    if model := _model(said.annotation):
        keys = ", ".join(fields_of(model))
        return "is missing", f"write its keys on lines below it, indented ({keys})"
    if get_origin(_container(said.annotation)) is list:
        return "is missing", f"write a list; each entry is {said.wanted}"
    return "is missing", f"write {said.wanted}"


def _otherwise(said: _Said) -> tuple[str, str]:
    fix = "write a value of the form in docs/reference/configuration.md, or leave it out"
    return f"is {said.shown}", fix


_WORDS: Final[Mapping[str, Wording]] = {
    "missing": _missing,
    "refused": lambda said: (said.context["reason"], said.context["fix"]),
    "literal_error": _choice,
    "int_type": _number,
    "int_from_float": _number,
    "float_type": lambda said: not_a_number(said.shown, said.value, f"a number {said.range[1]}"),
    "greater_than_equal": _range,
    "less_than_equal": _range,
    "bool_type": lambda said: (
        f"is {said.shown}, neither true nor false",
        "write true or false, without quotes",
    ),
    "string_type": _text,
    "string_pattern_mismatch": _text,
    "string_too_short": _text,
    "string_too_long": _text,
    "list_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "too_short": lambda _: (
        "is empty",
        "write at least one entry, or remove the field",
    ),
    "too_long": lambda said: (
        f"has {said.context['actual_length']} entries",
        f"write at most {said.context['max_length']}",
    ),
    "invalid_key": lambda _: ("is not a name", "put the key in quotes, or remove it"),
}
