"""Inserts an entry into the text of a stack file; everything else keeps its place and its form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from graph.stack_yaml import Loader

from .refusals import refused

_PLAIN: Final = re.compile(r"[A-Za-z/][-A-Za-z0-9_./@+]*(:[-A-Za-z0-9_./@+]+)*")
_WORDS: Final = re.compile(r"true|false|null|yes|no|on|off|y|n", re.IGNORECASE)
_REST_OF_LINE: Final = re.compile(r"[ \t]*(,?)[ \t]*(#[^\r\n]*)?(?=\r?\n)")
_STEP: Final = "  "
BY_HAND: Final = "insert the entry by hand: --dry-run prints it"


@dataclass
class Node:
    """A value as the text has it; an alias is a value of its own.

    Attributes:
        start, end: offsets in the text.
        kind: mapping, scalar, or other.
        block: whether it is a block scalar, which ends at the beginning of a line.
    """

    start: int
    end: int
    column: int
    kind: str
    flow: bool = False
    block: bool = False
    text: str = ""
    pairs: list[tuple[Node, Node]] = field(default_factory=list["tuple[Node, Node]"])
    last: Node | None = None

    def get(self, *keys: str) -> tuple[Node, Node] | None:
        return next((pair for pair in self.pairs if pair[0].text in keys), None)


@dataclass(frozen=True)
class Entry:
    """An entry of a mapping: its fields, and comments in lines of their own before them."""

    name: str
    fields: Mapping[str, Any]
    comments: Sequence[str] = ()

    def block(self, indent: str) -> str:
        """In lines of its own."""
        inner = indent + _STEP
        lines = [f"{indent}{self.name}:"]
        lines += [f"{inner}# {comment}" for comment in self.comments]
        lines += [f"{inner}{flow(key)}: {flow(value)}" for key, value in self.fields.items()]
        return "".join(f"{line}\n" for line in lines)

    def in_braces(self, indent: str) -> str:
        """Between the braces of another mapping, in lines of its own."""
        comments = "".join(f"\n{indent}# {comment}" for comment in self.comments)
        return f"{comments}\n{indent}{self.name}: {flow(self.fields)}"


def flow(value: Any) -> str:
    """A value in one line of YAML, which YAML 1.1 and 1.2 read as the same value."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and not _WORDS.fullmatch(value):
            return value
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return f"{{{', '.join(f'{flow(key)}: {flow(inner)}' for key, inner in pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(flow(inner) for inner in cast('list[Any]', value))}]"
    return json.dumps(value)


def with_entry(text: str, section: str, entry: Entry) -> str:
    """The text with the entry at the end of a section of ``config``, or in place of its namesake.

    Args:
        text: of a file that ``read_stack_file`` accepts.
        section: its key with the project's name, which the file may leave out.

    Raises:
        ProblemReport: the section is written as an alias, or its entry as one.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    config = _child(tree(text), "config")[1]
    named = config.get(section, section.partition(":")[2])
    edits = (
        _added_section(text, config, section, entry)
        if named is None
        else _changed_section(text, config, named, entry)
    )
    for start, end, inserted in sorted(edits, reverse=True):
        unended = inserted.endswith("\n") and start and text[start - 1] != "\n"
        added = ("\n" if unended else "") + inserted  # the last line may have no line break
        text = text[:start] + added.replace("\n", newline) + text[end:]
    return text


_Edits = list[tuple[int, int, str]]
"""Each from, to, and what stands there afterwards."""


def _added_section(text: str, config: Node, section: str, entry: Entry) -> _Edits:
    indent = " " * config.pairs[0][0].column if config.pairs else _STEP
    if config.flow:
        inner = Entry(section, {entry.name: entry.fields}, entry.comments)
        return _in_braces(text, config, inner, indent or _STEP)
    at = end_of_lines(text, config)
    return [(at, at, f"{indent}{section}:\n{entry.block(indent + _STEP)}")]


def _changed_section(text: str, config: Node, named: tuple[Node, Node], entry: Entry) -> _Edits:
    key, servers = named
    if servers.kind != "mapping":
        raise refused(key.text, "is an alias or a text, not a mapping of servers", BY_HAND)
    indent = " " * key.column + _STEP
    if old := servers.get(entry.name):
        return _replaced(text, servers, old, entry)
    if not servers.flow:
        at = end_of_lines(text, servers)
        return [(at, at, entry.block(" " * servers.pairs[0][0].column))]
    if servers.pairs or config.flow:
        return _in_braces(text, servers, entry, indent)
    # {}: a block takes its place, after the line.
    at = _line_end(text, servers.end)
    start = servers.start
    if not text[servers.end : at].strip():
        start = len(text[:start].rstrip(" "))
    return [(start, servers.end, ""), (at, at, entry.block(indent))]


def _replaced(text: str, servers: Node, old: tuple[Node, Node], entry: Entry) -> _Edits:
    key, value = old
    if value.kind != "mapping":
        raise refused(entry.name, "is an alias or a text, not a mapping", BY_HAND)
    if servers.flow:
        written = entry.in_braces(" " * (servers.column + len(_STEP)))
        return [(key.start, value.end, written if entry.comments else written.lstrip())]
    start = text.rfind("\n", 0, key.start) + 1
    return [(start, end_of_lines(text, value), entry.block(" " * key.column))]


def _in_braces(text: str, mapping: Node, entry: Entry, indent: str) -> _Edits:
    """The entry after the last one of a mapping in braces, which may have a comma and a comment."""
    if mapping.last is None:
        return [(mapping.end - 1, mapping.end - 1, entry.in_braces(indent))]
    end = mapping.last.end
    if rest := _REST_OF_LINE.match(text, end):
        comma = [] if rest[1] else [(end, end, ",")]
        return [*comma, (rest.end(), rest.end(), entry.in_braces(indent))]
    return [(end, end, f",{entry.in_braces(indent)}")]


def end_of_lines(text: str, node: Node) -> int:
    """Where the line after a block mapping begins; blank lines after it do not belong to it."""
    leaf = node
    while leaf.last is not None and not leaf.flow:
        leaf = leaf.last
    if not leaf.block:
        return _line_end(text, leaf.end)
    end = leaf.end
    if "+" not in text[leaf.start :].partition("\n")[0]:
        end = len(text[:end].rstrip())
        return _line_end(text, end)
    return end


def _line_end(text: str, at: int) -> int:
    """Where the next line begins, or the end of the text."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _child(node: Node, key: str) -> tuple[Node, Node]:
    found = node.get(key)
    if found is None or found[1].kind != "mapping":
        raise refused(key, "is an alias or absent", BY_HAND)
    return found


def tree(text: str) -> Node:
    """The values of a text.

    Raises:
        ProblemReport: it is empty.
    """
    events: Iterator[Any] = cast("Any", yaml).parse(text, Loader=Loader)
    for event in events:
        if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            return _node(event, events)
    raise refused("the stack file", "is empty", BY_HAND)


def _node(event: Any, events: Iterator[Any]) -> Node:
    """The value that begins with an event, and that the next events belong to."""
    start, end = event.start_mark, event.end_mark
    node = Node(start.index, end.index, start.column, "other")
    match event:
        case yaml.ScalarEvent():
            node.kind, node.text = "scalar", event.value
            node.block = event.style in ("|", ">")
        case yaml.MappingStartEvent():
            node.kind, node.flow = "mapping", bool(event.flow_style)
            for inner in events:
                if isinstance(inner, yaml.MappingEndEvent):
                    node.end = cast("Any", inner).end_mark.index
                    break
                key = _node(inner, events)
                node.last = _node(next(events), events)
                node.pairs.append((key, node.last))
        case yaml.SequenceStartEvent():
            node.flow = bool(event.flow_style)
            for inner in events:
                if isinstance(inner, yaml.SequenceEndEvent):
                    node.end = cast("Any", inner).end_mark.index
                    break
                node.last = _node(inner, events)
        case _:
            pass
    return node
