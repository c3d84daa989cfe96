"""Creates a reader from the type hint of an arg: it converts a value and reports problems.

``Annotated[str, DOMAIN]`` holds a text to its form, ``Annotated[int, Range(...)]`` a number to its
bounds, ``pulumi.Input[T]`` lets an Output stand for a value that is known later.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

import pulumi

from .arg_forms import ANY_LINE
from .constraints import Constraint, Form, Range, first_problem, is_huge, shown
from .problems import Problem, nearest

_LISTS: Final = (Sequence, list, tuple)
_MAPPINGS: Final = (Mapping, dict)
_LATER: Final = (pulumi.Output, Awaitable)
_USELESS: Final = "nothing can be made of it"
_WORDS: Final[Mapping[type[Any], str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}
_INSTANCES: Final[Mapping[type[Any], tuple[type[Any], ...]]] = {float: (float, int)}


@dataclass
class Walk:
    """The state of reading one component's args.

    Attributes:
        problems: what was found so far.
        sound: false once a value has another type than its field; checks of several fields
            together would fail on it then.
    """

    problems: list[Problem] = field(default_factory=list[Problem])
    sound: bool = True

    def refuse(self, at: str, what: str, consequence: str, fix: str) -> None:
        """Notes a value of a wrong type."""
        self.sound = False
        self.problems.append(Problem(at, what, consequence, fix))


Read = Callable[[Any, str, Walk, bool], Any]
"""Takes a value, its path, the walk and whether it is in a mapping; returns the converted value."""


@dataclass(frozen=True)
class Reader:
    """Reads the values of one type hint.

    Attributes:
        wanted: what a value must be, to follow "write".
        read: see Read.
        optional: None may stand for a value.
        later: an Output or an awaitable may stand for a value.
    """

    wanted: str
    read: Read
    optional: bool = False
    later: bool = False

    def __call__(self, value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        """The value converted to the hint's type."""
        if value is None:
            if not self.optional:
                walk.refuse(at, "is None", _USELESS, f"write {self.wanted}")
            return None
        if type(value) not in _WORDS and isinstance(value, _LATER):
            if not self.later:
                walk.refuse(
                    at,
                    "is an Output, whose value a preview does not know",
                    "what is made, and how, depends on it",
                    f"write {self.wanted}; pulumi.Config gives values that are known at once",
                )
            return cast("Any", value)
        return self.read(value, at, walk, mapping)


def reader(hint: Any, of_dataclass: Callable[[type[Any]], Read]) -> Reader:
    """The reader for ``hint``; ``of_dataclass`` reads the fields of a dataclass.

    Raises:
        TypeError: no reader supports the hint, so its values would not be checked.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        made = _constrained(hint)
    elif origin in (Union, types.UnionType):
        made = _union(inner, of_dataclass)
    elif origin is Literal:
        made = _choice({choice: choice for choice in inner}, inner)
    elif origin in _LISTS:
        made = _list(reader(inner[0], of_dataclass))
    elif origin is frozenset:
        made = _set(reader(inner[0], of_dataclass))
    elif origin in _MAPPINGS:
        made = _mapping(*(reader(part, of_dataclass) for part in inner))
    elif isinstance(hint, type):
        made = _class(hint, of_dataclass)
    else:
        raise TypeError(f"args cannot have a field of type {hint!r}")
    return made


def _class(hint: type[Any], of_dataclass: Callable[[type[Any]], Read]) -> Reader:
    if issubclass(hint, Enum):
        members = {name: member for member in hint for name in (member.value, member)}
        return _choice(members, tuple(member.value for member in hint), enum=hint)
    if is_dataclass(hint):
        return Reader(f"{hint.__name__}(...)", of_dataclass(hint))
    return _plain(hint)


def _plain(hint: type[Any]) -> Reader:
    if hint is str:
        return _constrained(Annotated[str, ANY_LINE])
    words = _WORDS.get(hint, f"a {hint.__name__}")
    accepted = _INSTANCES.get(hint, (hint,))

    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if mapping and hint is int and isinstance(value, float) and value.is_integer():
            return int(value)  # another language hands every number over as a float
        wrong = not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool)
        if wrong or is_huge(value):  # no engine can be sent a huge number
            walk.refuse(at, f"is {shown(value)}, not {words}", _USELESS, f"write {words}")
        return value

    return Reader(words, read)


def _constrained(hint: Any) -> Reader:
    constraints: list[Constraint] = []
    base, *given = get_args(hint)
    for constraint in given:
        if not isinstance(constraint, Form | Range):
            raise TypeError(f"args cannot have a field of type {hint!r}")
        constraints.append(constraint)
    accepted = _INSTANCES.get(base, (base,))

    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if mapping and base is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        if problem := first_problem(constraints, at, value):
            walk.problems.append(problem)
            if not isinstance(value, accepted) or isinstance(value, bool):
                walk.sound = False
        elif not isinstance(value, accepted):  # 2.0 would be written as it is into text files
            walk.refuse(at, f"is {shown(value)}, not a whole number", _USELESS, f"write {value:g}")
        return value

    return Reader(constraints[0].wanted, read)


def _choice(
    choices: Mapping[Any, Any], written: Sequence[Any], enum: type[Enum] | None = None
) -> Reader:
    """Reads one of several values; in a dataclass, a member of an enumeration itself."""
    names = ", ".join(map(str, written))

    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if mapping and isinstance(value, float) and value.is_integer():
            value = int(value)  # another language hands every number over as a float
        for choice, meant in choices.items():
            if type(choice) is type(value) and choice == value:
                if enum and not mapping and meant is not value:
                    fix = f"write {enum.__name__}.{meant.name}"
                    walk.refuse(at, f"is {shown(value)}, not a {enum.__name__}", _USELESS, fix)
                return meant
        guess = None if is_huge(value) else nearest(str(value), map(str, written))
        fix = f"write {guess}" if guess else f"write one of {names}"
        walk.refuse(at, f"is {shown(value)}, none of {names}", _USELESS, fix)
        return value

    return Reader(f"one of {names}", read)


def _list(entry: Reader) -> Reader:
    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            fix = f"write a list: [{shown(value)}]" if isinstance(value, str) else "write a list"
            walk.refuse(at, f"is {shown(value)}, not a list", _USELESS, fix)
            return value
        entries = cast("Sequence[Any]", value)
        read = [entry(one, f"{at}[{i}]", walk, mapping) for i, one in enumerate(entries)]
        return tuple(read) if mapping else cast("Any", value)

    return Reader("a list", read)


def _set(entry: Reader) -> Reader:
    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if not isinstance(value, Set | Sequence) or isinstance(value, str | bytes):
            walk.refuse(at, f"is {shown(value)}, not a set", _USELESS, "write a set: {...}")
            return value
        entries = cast("Set[Any] | Sequence[Any]", value)
        read = [entry(one, at, walk, mapping) for one in entries]
        return frozenset(read) if mapping else cast("Any", value)

    return Reader("a set", read)


def _mapping(key: Reader, entry: Reader) -> Reader:
    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if not isinstance(value, Mapping):
            walk.refuse(at, f"is {shown(value)}, not a mapping", _USELESS, "write a mapping")
            return value
        pairs = cast("Mapping[Any, Any]", value)
        read = {
            key(name, f"{at}[{name!r}]", walk, mapping): entry(one, f"{at}.{name}", walk, mapping)
            for name, one in pairs.items()
        }
        return read if mapping else cast("Any", value)

    return Reader("a mapping", read)


def _union(arms: tuple[Any, ...], of_dataclass: Callable[[type[Any]], Read]) -> Reader:
    """Reads an ``Input``, an optional value, or one of several dataclasses."""
    optional, later = type(None) in arms, any(_is_output(arm) for arm in arms)
    values = [
        arm
        for arm in arms
        if arm is not type(None) and not _is_output(arm) and get_origin(arm) is not Awaitable
    ]
    if len(values) == 1:
        only = reader(values[0], of_dataclass)
        return Reader(only.wanted, only.read, optional or only.optional, later or only.later)
    if not all(is_dataclass(arm) for arm in values):
        raise TypeError(f"args cannot have a field of one of the types {values!r}")
    return Reader(
        " or ".join(f"{arm.__name__}(...)" for arm in values),
        _one_of(cast("list[type[Any]]", values), of_dataclass),
        optional,
        later,
    )


TAG: Final = "type"
"""Field whose value selects a dataclass of a union."""


def _one_of(classes: list[type[Any]], of_dataclass: Callable[[type[Any]], Read]) -> Read:
    """Reads one of several dataclasses; a mapping says by its ``TAG`` which."""
    by_class = {each: of_dataclass(each) for each in classes}
    tagged = {get_args(_hint_of(each, TAG))[0]: each for each in classes}
    tag = _choice({name: name for name in tagged}, tuple(tagged))
    names = " or ".join(each.__name__ for each in classes)

    def read(value: Any, at: str, walk: Walk, mapping: bool) -> Any:
        if mapping and isinstance(value, Mapping):
            pairs = cast("Mapping[str, Any]", value)
            kind = tag(pairs.get(TAG), f"{at}.{TAG}", walk, mapping)
            return by_class[tagged[kind]](pairs, at, walk, mapping) if kind in tagged else None
        if type(value) in by_class:
            return by_class[type(value)](value, at, walk, mapping)
        walk.refuse(at, f"is {shown(value)}, not {names}", _USELESS, f"write {names}")
        return value

    return read


def _hint_of(cls: type[Any], name: str) -> Any:
    return hints(cls)[name]


def hints(cls: type[Any]) -> dict[str, Any]:
    """Type hints of a dataclass with their constraints."""
    # pulumi.Input names Output[T] in a string, which only pulumi's own modules can resolve.
    return get_type_hints(cls, localns={"Output": pulumi.Output, "T": Any}, include_extras=True)


def _is_output(hint: Any) -> bool:
    return (get_origin(hint) or hint) is pulumi.Output
