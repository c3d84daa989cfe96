"""Tables of what became of each value of a source document: the pages of ``docs/sources``.

A data file ``docs/sources/<source>.yaml`` lists the document's objects with their values, and rows
that say what became of the values at certain paths.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, cast

import yaml

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs/sources"
CARRIED, DEVIATES, NOT_YET = "carried", "deviates", "not yet"
VALUE_READ, PLACE_READ, STATED = "value read", "place read", "stated"
"""How well a test can compare what a row of carried values says with the product."""
MOST_REPEATED: Final = 2
"""Values of a table that repeat a reason; of more values it is a note under the table."""


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(re.escape(part) for part in text.split("*")))


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of the values of an object at certain paths.

    Attributes:
        at: paths; ``*`` stands for any text.
        status: carried, deviates or not yet.
        place: of carried values, where they are: the keys of one of the forms below.
        why: the reason of a deviation, or the system of SYSTEMS that will bring the values.
        instead: texts that the rendered stack has in place of the values.
        today: what there is until the values come.

    A place is one of: ``object`` and ``path`` of a rendered object, with the same value; ``object``
    and ``has``, a text in it; ``setting`` of the stack file, and ``default`` where the value is its
    default; ``code``, a constant with the value; ``file`` and ``has``, a text in it; ``stated``.
    ``{value}`` in a text stands for the value, ``*`` in ``path`` for what ``*`` of ``at`` matched.
    """

    at: Sequence[str]
    status: str
    place: Mapping[str, Any] = field(default_factory=dict[str, Any])
    why: str = ""
    instead: Sequence[str] = ()
    today: str = ""

    @property
    def checked(self) -> str:
        """What a test reads in the product: the value, only the place that is named, or nothing."""
        if STATED in self.place:
            return STATED
        reads_value = self.place.keys() & {"path", "default", "code"}
        in_text = "{value}" in str(self.place.get("has"))
        return VALUE_READ if reads_value or in_text else PLACE_READ

    def match(self, path: str) -> re.Match[str] | None:
        """How the first of the patterns that covers ``path`` matches it."""
        return next(filter(None, (_pattern(each).fullmatch(path) for each in self.at)), None)

    def path(self, path: str) -> str:
        """The path of the value in the rendered object."""
        found = self.match(path)
        parts = iter(found.groups() if found else ())
        return re.sub(r"\*", lambda star: next(parts, star[0]), self.place["path"])


@dataclass(frozen=True, kw_only=True)
class Object:
    """An object of a document, or a code block or text that is no object of Kubernetes.

    Attributes:
        name: kind and name, else the name of the file or the heading.
        values: by path.
        stack: where texts of ``instead`` are rendered.
        rendered: ``<stack>: <kind> <name>``; its values at the same paths are those of the
            document, where no row says otherwise.
        rows: the first that covers a path counts.
    """

    name: str
    values: Mapping[str, str]
    stack: str
    rendered: str
    rows: Sequence[Row]

    @cached_property
    def outcomes(self) -> dict[str, Row | None]:
        """What became of the value at each path; None: nothing says so."""
        return {path: self._row(path) for path in self.values}

    def _row(self, path: str) -> Row | None:
        for row in self.rows:
            if row.match(path):
                return row
        if not self.rendered:
            return None
        return Row(at=[path], status=CARRIED, place={"object": self.rendered, "path": path})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document.

    Attributes:
        title: of the document.
        stack: what a rendered object is of, where its name has no stack.
        objects: in the order of the document.
    """

    title: str
    stack: str
    objects: Sequence[Object]

    def classified(self) -> Iterator[tuple[Object, str, Row | None]]:
        """Every value as its object and path, with what became of it."""
        for each in self.objects:
            for path, row in each.outcomes.items():
                yield each, path, row


@cache
def source(name: str) -> Source:
    """The source of a data file, by the file's name."""
    stated = yaml.load((FOLDER / f"{name}.yaml").read_text(), yaml.CSafeLoader)
    return Source(
        title=stated["title"],
        stack=stated["stack"],
        objects=[_object(stated["stack"], *item) for item in stated["objects"].items()],
    )


@cache
def systems() -> dict[str, str]:
    """What each system is, by its id in the list of systems."""
    return yaml.load((FOLDER / "systems.yaml").read_text(), yaml.CSafeLoader)


def _object(stack: str, name: str, stated: dict[str, Any]) -> Object:
    return Object(
        name=name,
        values=stated["values"],
        stack=stated.get("stack", stack),
        rendered=_with_stack(stack, stated.get("as", "")),
        rows=[_row(stack, row) for row in stated.get("rows", [])],
    )


def _with_stack(stack: str, rendered: str) -> str:
    return rendered if not rendered or ": " in rendered else f"{stack}: {rendered}"


def _row(stack: str, stated: dict[str, Any]) -> Row:
    given = dict(stated)
    at = given.pop("at", "*")
    (status,) = given.keys() & {CARRIED, DEVIATES, NOT_YET}
    said = given.pop(status)
    place: dict[str, Any] = dict(said) if status == CARRIED else {}
    if "object" in place:
        place["object"] = _with_stack(stack, place["object"])
    return Row(
        at=[at] if isinstance(at, str) else at,
        status=status,
        place=place,
        why="" if status == CARRIED else cast("str", said),
        **given,
    )


def source_table(name: str) -> str:
    """The page of a source after its heading: counts, and a table for each object."""
    read = source(name)
    numbers = [f"| {words} | {number} |" for words, number in counts(read).items()]
    head = ["| values | number |", "|---|---|", *numbers]
    return "\n\n".join(["\n".join(head), *(_section(each) for each in read.objects)])


def sources_table() -> str:
    """The counts of all sources, with a link to the page of each."""
    found = {file.stem: source(file.stem) for file in sorted(FOLDER.glob("s?.yaml"))}
    names = [*next(map(counts, found.values()))]
    rows = [
        f"| [{name.upper()}]({name}.md) | {read.title} | "
        + " | ".join(str(number) for number in counts(read).values())
        + " |"
        for name, read in found.items()
    ]
    head = [f"| page | document | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    return "\n".join([*head, *rows])


def counts(read: Source) -> dict[str, int]:
    """Values by what became of them; carried ones by what a test reads in the product."""
    rows = [row for _, _, row in read.classified()]
    found = Counter(
        row.checked if row.status == CARRIED else row.status for row in rows if row is not None
    )
    return {
        "all": len(rows),
        "carried, value compared": found[VALUE_READ],
        "carried, place looked up": found[PLACE_READ],
        "carried, only stated": found[STATED],
        DEVIATES: found[DEVIATES],
        NOT_YET: found[NOT_YET],
    }


def _section(each: Object) -> str:
    notes: list[str] = []
    lines: list[str] = []
    uses = Counter(id(row) for row in each.outcomes.values())
    for path, value in each.values.items():
        row = each.outcomes[path]
        assert row is not None, f"{each.name}: nothing says what became of {path}"
        why = cell(_where(row, path, value) if row.status == CARRIED else _why(row))
        if row.status != CARRIED and uses[id(row)] > MOST_REPEATED:
            if why not in notes:
                notes.append(why)
            why = f"note {notes.index(why) + 1}"
        lines.append(f"| {_code(path)} | {_code(value)} | {row.status} | {why} |")
    return "\n".join(
        [
            f"## {each.name}",
            "",
            "| value | document | status | where or why |",
            "|---|---|---|---|",
            *lines,
            *([""] if notes else []),
            *(f"{number}. {note}" for number, note in enumerate(notes, 1)),
        ]
    )


def _why(row: Row) -> str:
    said = f"{row.why}: {systems()[row.why]}." if row.status == NOT_YET else row.why
    if row.instead:
        said += " Rendered: " + ", ".join(f"`{text}`" for text in row.instead) + "."
    if row.today:
        said += f" Today: {row.today}."
    return said


def _where(row: Row, path: str, value: str) -> str:
    place = dict(row.place)
    text = _code(str(place.get("has", "")).replace("{value}", value))
    match place:
        case {"object": str(name), "path": str(_)}:
            rendered = row.path(path)
            where = _rendered(name) + ("" if rendered == path else f", {_code(rendered)}")
        case {"object": str(name)}:
            where = f"{text} in {_rendered(name)}"
        case {"setting": str(setting)}:
            where = f"{'default of' if 'default' in place else 'setting'} `{setting}`"
        case {"code": str(constant)}:
            where = f"`{constant}`"
        case {"file": str(file)}:
            where = f"{text} in [{file}](../../{file})"
        case _:
            where = cast("str", place[STATED])
    return where


def _rendered(name: str) -> str:
    stack, _, plain = name.partition(": ")
    return f"`{plain}` of `{stack}`"


def _code(text: str) -> str:
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    return f"{fence}{cell(text)}{fence}"


def cell(text: str) -> str:
    """The text on one line, as a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
