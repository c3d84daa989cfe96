"""Validates a component's args, given as a dataclass or a mapping, and reports all problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from typing import Any, Final, TypeVar, cast

from .constraints import shown
from .hints import Read, Reader, Walk, hints, reader
from .problems import Problem, nearest
from .refusal import refuse

T = TypeVar("T")


OWN_CHECKS: Final = "refusals"
"""Method of a dataclass that returns problems across its fields, with paths relative to it.

It is called once every field has a value of its type; the value may have a wrong form.
"""


def arguments(cls: type[T], given: object, *, at: str, found: Iterable[Problem] = ()) -> T:
    """The args of a component.

    Args:
        cls: the dataclass.
        given: an object of it, or a mapping with the same fields (camelCase or snake_case).
        at: name of the component, with which every path begins.
        found: problems that are already known.

    Raises:
        Refused: unknown keys (with the nearest field), missing fields, values of a wrong type, form
            or range, and what the dataclasses' own checks say.
    """
    walk = Walk([*found])
    made: Any = None
    if isinstance(given, (cls, Mapping)):
        made = _shape(cls).read(given, at, walk, isinstance(given, Mapping))
    else:
        what = shown(given) if given is not None else "None"
        what = f"a {type(given).__name__}" if is_dataclass(given) else what
        walk.refuse(
            at,
            f"has args that are {what}, not {cls.__name__}",
            "nothing says what to make",
            f"pass {cls.__name__}(...), or a mapping with its fields",
        )
    refuse(walk.problems)
    return cast("T", made)


def camel(name: str) -> str:
    """Converts snake_case to camelCase: ``longest_tool`` to ``longestTool``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True)
class _Member:
    """One field of a dataclass."""

    name: str
    reader: Reader
    required: bool


class _Shape:
    """The fields of one dataclass, each with its reader."""

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        self.members: tuple[_Member, ...] = ()
        self.spellings: dict[str, _Member] = {}
        self.has_own_checks = hasattr(cls, OWN_CHECKS)

    def fill(self) -> None:
        stated = hints(self.cls)
        self.members = tuple(
            _Member(each.name, reader(stated[each.name], _reading), _required(each))
            for each in fields(self.cls)
        )
        self.spellings = {
            spelling: member
            for member in self.members
            for spelling in (member.name, camel(member.name))
        }

    def read(self, given: Any, at: str, walk: Walk, mapping: bool) -> Any:
        """Reads an object of the dataclass, or, within a mapping, another mapping."""
        if isinstance(given, self.cls):
            return self._checked(given, at, walk)
        written: Any = given
        if not isinstance(given, Mapping):
            walk.refuse(
                at,
                f"is {shown(given)}, not a {'mapping' if mapping else self.cls.__name__}",
                "nothing can be made of it",
                f"write {'a mapping' if mapping else f'{self.cls.__name__}(...)'}",
            )
        elif mapping:
            return self._built(cast("Mapping[Any, Any]", given), at, walk)
        else:
            keys = ", ".join(f"{key}=..." for key in cast("Mapping[Any, Any]", given))
            walk.refuse(
                at,
                f"is a mapping, not a {self.cls.__name__}",
                "within a dataclass nothing turns a mapping into another dataclass",
                f"write {self.cls.__name__}({keys})",
            )
        return written

    def _checked(self, given: Any, at: str, walk: Walk) -> Any:
        inner = Walk(walk.problems)
        for member in self.members:
            member.reader(getattr(given, member.name), f"{at}.{member.name}", inner, False)
        self._own(given, at, inner)
        walk.sound = walk.sound and inner.sound
        return given

    def _built(self, given: Mapping[Any, Any], at: str, walk: Walk) -> Any:
        inner = Walk(walk.problems)
        values: dict[str, Any] = {}
        for key, value in given.items():
            if member := self.spellings.get(key):
                if member.name in values:
                    inner.refuse(
                        f"{at}.{key}",
                        f"is given twice, as {member.name} and as {camel(member.name)}",
                        "it is unknown which of the two values to use",
                        "leave one",
                    )
                values[member.name] = member.reader(value, f"{at}.{key}", inner, True)
            else:
                inner.refuse(f"{at}.{key}", *self._unknown(str(key)))
        for member in self.members:
            if member.required and member.name not in values:
                inner.refuse(
                    f"{at}.{camel(member.name)}",
                    "is missing",
                    f"{self.cls.__name__} cannot be made",
                    f"write {member.reader.wanted}",
                )
        walk.sound = walk.sound and inner.sound
        if not inner.sound:
            return None
        made = self.cls(**values)
        self._own(made, at, inner)
        return made

    def _own(self, made: Any, at: str, walk: Walk) -> None:
        """Adds the problems of the dataclass's own checks, at most one for each path."""
        if walk.sound and self.has_own_checks:
            known = {problem.path for problem in walk.problems}
            own: Iterable[Problem] = getattr(made, OWN_CHECKS)()
            said = (replace(one, path=f"{at}.{one.path}") for one in own)
            walk.problems += [problem for problem in said if problem.path not in known]

    def _unknown(self, key: str) -> tuple[str, str, str]:
        names = [camel(member.name) for member in self.members]
        guess = nearest(key, names)
        return (
            f"{self.cls.__name__} has no field {key!r}",
            "it would have no effect, and no command would report that",
            f"write {guess}" if guess else f"write one of {', '.join(names)}",
        )


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


_SHAPES: Final[dict[type[Any], _Shape]] = {}


def _shape(cls: type[Any]) -> _Shape:
    if cls not in _SHAPES:
        shape = _SHAPES[cls] = _Shape(cls)  # known before its fields are: one may be of this class
        shape.fill()
    return _SHAPES[cls]


def _reading(cls: type[Any]) -> Read:
    return _shape(cls).read
