"""Sets single values in the text of a stack file; everything else keeps its place and its form."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, cast

from graph.stack_files import read_stack_files
from graph.stack_yaml import read_stack_file
from stacks.config.error_messages import KEY_PREFIX

from ..added_server.refusals import refused
from ..added_server.stack_file import StackFile
from ..added_server.stack_text import Node, end_of_lines, flow, tree
from .proposal import Change

_QUANTITY: Final = re.compile(r"[1-9][0-9]*(m|Mi|Gi)")
BY_HAND: Final = "write the value by hand: the table has it"


def with_changes(file: StackFile, changes: Sequence[Change]) -> tuple[str, dict[str, Any]]:
    """The text of a stack file with the changes, and the sections that they are in, by full key.

    Raises:
        ProblemReport: a value cannot be set in what the file has.
    """
    text = file.data.decode()
    wanted = deepcopy(dict(file.config))
    touched: dict[str, Any] = {}
    for change in changes:
        section, *steps = change.path
        full = f"{KEY_PREFIX}{section}"
        key = section if section in file.config else full
        *way, last = steps
        there = _at(wanted, (key, *way))
        written_with = {name: one for name, one in change.written_with.items() if name not in there}
        for name, value in {last: change.after, **written_with}.items():
            text = with_value(text, (key, *way, name), value)
            _set(wanted, (key, *way, name), value)
        touched[full] = wanted[key]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, file.file.name)
        copy.write_bytes(text.encode())
        if read_stack_file(copy) != wanted:
            raise refused(file.file.name, "has no place for the values that is safe", BY_HAND)
    return text, touched


def refuse_broken_stack(file: StackFile, sections: Mapping[str, Any]) -> None:
    """Refuse the sections if the stack would be refused with them, as ``preview`` does."""
    from graph.programs import record_files
    from policies.checked_program import refuse_broken

    files = read_stack_files(file.root, file.stack)
    refuse_broken(record_files(file.root, files.over(sections)), file.root)


def _at(config: Mapping[str, Any], steps: Sequence[str]) -> Mapping[str, Any]:
    """The mapping that steps lead to; empty where it is absent."""
    for step in steps:
        config = config.get(step) or {}
    return config


def _set(config: dict[str, Any], steps: Sequence[str], value: object) -> None:
    *way, last = steps
    for step in way:
        config = config.setdefault(step, {})
    config[last] = value


def with_value(text: str, steps: Sequence[str], value: str | int) -> str:
    """The text with a value below ``config``, in place of the one that is there.

    Args:
        text: of a file that ``read_stack_file`` accepts.
        steps: the keys that lead to it; absent mappings are added at the end of what has them.
        value: the new one.

    Raises:
        ProblemReport: an alias or a text stands where a mapping or a value is needed.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    node = tree(text)
    for depth, step in enumerate(("config", *steps)):
        pair = node.get(step)
        rest = ("config", *steps)[depth:]
        if pair is None:
            start, end, inserted = _added(text, node, rest, value)
            break
        _, node = pair
        if len(rest) == 1:
            if node.kind != "scalar" or node.block:
                raise refused(step, "is an alias, a mapping or a text of several lines", BY_HAND)
            start, end, inserted = node.start, node.end, _written(value)
            if text[start] in "\"'" and isinstance(value, str):
                inserted = f"{text[start]}{value}{text[start]}"
            break
        if node.kind != "mapping":
            raise refused(step, "is an alias or a text, not a mapping", BY_HAND)
    else:
        raise AssertionError(steps)
    unended = inserted.endswith("\n") and start and text[start - 1] != "\n"
    added = ("\n" if unended else "") + inserted
    return text[:start] + added.replace("\n", newline) + text[end:]


def _written(value: Any) -> str:
    """In one line; quantities without quotes."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return f"{{{', '.join(f'{flow(key)}: {_written(one)}' for key, one in pairs)}}}"
    return flow(value)


def _added(text: str, node: Node, steps: Sequence[str], value: str | int) -> tuple[int, int, str]:
    """Where the keys are added to a mapping that has not the first of them, and as what."""
    nested: Any = value
    for step in reversed(steps[1:]):
        nested = {step: nested}
    if node.flow:
        written = f"{flow(steps[0])}: {_written(nested)}"
        if node.last is None:
            return node.end - 1, node.end - 1, written
        return node.last.end, node.last.end, f", {written}"
    at = end_of_lines(text, node)
    indent = " " * node.pairs[0][0].column
    return at, at, "".join(f"{line}\n" for line in _lines(steps[0], nested, indent))


def _lines(key: str, value: Any, indent: str) -> list[str]:
    """A block mapping with one key in each line."""
    if not isinstance(value, Mapping):
        return [f"{indent}{flow(key)}: {_written(value)}"]
    inner = cast("Mapping[str, Any]", value).items()
    lines = [line for name, one in inner for line in _lines(name, one, f"{indent}  ")]
    return [f"{indent}{key}:", *lines]
