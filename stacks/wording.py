"""Says in people's words what pydantic found: where, what, what it would lead to, what to write."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .config import StackConfig
from .forms import FORMS, Form
from .problems import Problem, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KEY_PREFIX: Final = "qudag-mcp:"
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_./-]*")
_LOGIN = re.compile(r"//[^/]*@")
_SECRET = re.compile(r"passw|pwd|secret|token|credential|private|api_?key", re.IGNORECASE)
_UNSHOWN: Final = ("secrets",)
"""Sections whose values are never shown: what does not belong there may be a secret itself."""


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
    field, about = _described(steps)
    is_key = steps[-1] == "[key]"
    value = steps[-2] if is_key else detail["input"]
    context = cast("Mapping[str, Any]", detail.get("ctx", {}))
    shown = "a value that is not shown here" if steps[0] in _UNSHOWN else _shown(value)
    said = _Said(value, shown, field, context)
    what, fix = _WORDS.get(detail["type"], _otherwise)(said)
    form = FORMS.get(context.get("pattern", ""))
    consequence = context.get("consequence") or (
        form.consequence if form else f"it cannot be applied to what it stands for: {about}"
    )
    return Problem(dotted(steps), f"its name {what}" if is_key else what, consequence, fix)


def guess(steps: tuple[int | str, ...]) -> tuple[int | str, ...] | None:
    """The path of the known key that an unknown one was most likely meant to be."""
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
    what, consequence = f"there is no {key!r} here", "it would have no effect, and nobody would see"
    section, _, rest = key.partition(".")
    if len(steps) == 1 and rest and section in known:
        fix = f"write {rest} on a line of its own below {KEY_PREFIX}{section}, indented"
    elif meant := nearest(key, known):
        fix = f"write {meant}"
    elif _SECRET.search(key) and isinstance(value, str):
        consequence = "a secret would stand in Git for all to read"
        fix = "remove it, and change it where it was in use; the section secrets names Secrets"
    else:
        fix = f"remove it, or write one of: {', '.join(known)}"
    return Problem(dotted(steps), what, consequence, fix)


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
    container = _container(annotation)
    return get_args(container)[-1] if container else annotation


def _described(steps: tuple[int | str, ...]) -> tuple[FieldInfo | None, str]:
    """The innermost field on the way of ``steps``, and what it is for."""
    annotation, field = cast("Any", StackConfig), None
    for step in steps:
        if model := _model(annotation):
            field = fields_of(model).get(str(step), field)
        annotation = _inside(annotation, step)
    meaning = field.description if field else None
    if not meaning and (model := _model(field.annotation if field else None)):
        meaning = (model.__doc__ or "").partition("\n")[0]
    meaning = meaning or "a value of this section"
    return field, meaning[0].lower() + meaning[1:].rstrip(".")


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


def _shown(value: object) -> str:
    """A value for a message: no line break, no password of a URL, not more than a glance."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    text = repr(_LOGIN.sub("//…@", value) if isinstance(value, str) else value)
    return text if len(text) <= 60 else text[:57] + "..."


class _Said:
    """What a wording may speak of."""

    def __init__(
        self, value: object, shown: str, field: FieldInfo | None, context: Mapping[str, Any]
    ) -> None:
        self.value, self.shown, self.field, self.context = value, shown, field, context

    @property
    def example(self) -> str:
        default = self.field.default if self.field else None
        return str(default) if isinstance(default, int) else str(self.bounds[0])

    @property
    def bounds(self) -> tuple[Any, Any]:
        metadata = self.field.metadata if self.field else []
        least = next((m.ge for m in metadata if hasattr(m, "ge")), 0)
        return least, next((m.le for m in metadata if hasattr(m, "le")), None)


Wording = Callable[[_Said], tuple[str, str]]


def _number(said: _Said) -> tuple[str, str]:
    digits = re.match(r"\d+", said.value) if isinstance(said.value, str) else None
    example = digits[0] if digits else said.example
    return f"is {said.shown}, not a whole number", f"write {example}, without quotes and unit"


def _range(said: _Said) -> tuple[str, str]:
    least, most = said.bounds
    upto = "" if most is None else f" to {most}"
    side = "too small" if isinstance(said.value, int) and said.value < least else "too large"
    return f"is {said.shown}: that is {side}", f"write a number from {least}{upto}"


def _choice(said: _Said) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", said.context["expected"])
    meant = nearest(said.value, choices) if isinstance(said.value, str) else None
    fix = meant or " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))
    return f"is {said.shown}; there is {', '.join(choices)}", f"write {fix}"


def _text(said: _Said) -> tuple[str, str]:
    if isinstance(said.value, int | float) and not isinstance(said.value, bool):
        return f"is the number {said.shown}, not text", f'put it in quotes: "{said.value}"'
    form = _form(said.field)
    wanted = f"{form.words}, such as {form.examples[0]}" if form else "text, in quotes"
    return f"is {said.shown}, not text", f"write {wanted}"


def _form(field: FieldInfo | None) -> Form | None:
    annotation = field.annotation if field else None
    metadata = [*(field.metadata if field else ())]
    for option in get_args(annotation):
        metadata += get_args(option)[1:] if get_origin(option) is Annotated else ()
    patterns = (getattr(p, "pattern", None) for m in metadata for p in getattr(m, "metadata", [m]))
    return next((FORMS[pattern] for pattern in patterns if pattern in FORMS), None)


def _pattern(said: _Said) -> tuple[str, str]:
    form = FORMS[said.context["pattern"]]
    if isinstance(said.value, str) and _LOGIN.search(said.value):
        return f"is {said.shown}: it holds a login", "remove the part before @, and change it"
    return f"is {said.shown}", f"write {form.words}, such as {form.examples[0]}"


def _length(said: _Said) -> tuple[str, str]:
    limit = said.context.get("max_length")
    if limit is None:
        form = _form(said.field)
        return "is empty", f"write {form.words}, such as {form.examples[0]}" if form else "write it"
    return f"is {said.shown}, longer than {limit} characters", f"shorten it to {limit} characters"


def _list(said: _Said) -> tuple[str, str]:
    entry = said.value if isinstance(said.value, str) else "entry"
    return f"is {said.shown}, not a list", f"write each entry on a line below it: - {entry}"


def _mapping(said: _Said) -> tuple[str, str]:
    model = _model(said.field.annotation) if said.field else None
    keys = ", ".join(fields_of(model)) if model else "names and their values"
    what = "is empty" if said.value is None else f"is {said.shown}, where keys are expected"
    return what, f"write its keys on lines below it, indented ({keys}), or leave it out"


def _otherwise(said: _Said) -> tuple[str, str]:
    return f"is {said.shown}", "write a value of the form in docs/configuration.md, or leave it out"


_WORDS: Final[Mapping[str, Wording]] = {
    "refused": lambda said: (said.context["reason"], said.context["fix"]),
    "literal_error": _choice,
    "int_type": _number,
    "int_from_float": _number,
    "greater_than_equal": _range,
    "less_than_equal": _range,
    "bool_type": lambda said: (
        f"is {said.shown}, neither true nor false",
        "write true or false, without quotes",
    ),
    "string_type": _text,
    "string_pattern_mismatch": _pattern,
    "string_too_short": _length,
    "string_too_long": _length,
    "list_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "too_short": lambda _: (
        "is empty",
        "write at least one entry, or leave out what it belongs to",
    ),
    "invalid_key": lambda _: ("is no name", "put the key in quotes, or remove it"),
}
