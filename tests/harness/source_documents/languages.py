"""Reads the values of a code block, by its language: path and value as the document has them.

A language without an entry in ``READERS`` is an error, so that no block is passed over.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import yaml

from .flatten import flatten

Objects = list[tuple[str, dict[str, Any]]]
"""Objects of a block with their values by path; one without a name is called as its block."""

_MESSAGE: Final = re.compile(r"echo (?!.*(://|>>))")
_LITERAL: Final = r'"((?:[^"\\]|\\.)*)"|(?<![\w.])\d[\d_.]*|\b(?:true|false)\b'
_STRUCTURE: Final = frozenset({"fi", "else", "done", "}", "exit 1", "#!/bin/bash", "EOF"})
"""Lines of a script that say nothing about what it deploys; nor do messages without an address."""


def of_yaml(text: str) -> Objects:
    """Each object of Kubernetes by kind and name, anything else as one object."""
    found: Objects = []
    for tree in yaml.load_all(text, yaml.BaseLoader):
        if tree is not None:
            found.append((_kind_and_name(tree), _written(tree)))
    return found


def _kind_and_name(tree: Any) -> str:
    if not (isinstance(tree, dict) and "kind" in tree):
        return ""
    stated = cast("dict[str, Any]", tree)
    return f"{stated['kind']} {stated.get('metadata', {}).get('name', '')}".strip()


def _written(tree: Any) -> dict[str, Any]:
    return {path: written(value) for path, value in flatten(tree).items()}


def written(value: Any) -> str:
    """A value as a document writes it: ``true``, ``3``, ``{}``."""
    return value if isinstance(value, str) else json.dumps(value)


def of_json(text: str) -> Objects:
    return [("", _written(json.loads(text)))]


def of_dockerfile(text: str) -> Objects:
    """Each instruction, with the lines that continue it."""
    return [("", _numbered(tuple(line.split(maxsplit=1)) for line in _joined(text)))]


def of_conf(text: str) -> Objects:
    """Each line: a name and its value."""
    return [("", _numbered(tuple(line.split(maxsplit=1)) for line in _joined(text)))]


def of_shell(text: str) -> Objects:
    """Each command; the manifests of a here-document are objects of their own."""
    manifests: Objects = []

    def taken(found: re.Match[str]) -> str:
        manifests.extend(of_yaml(found[2]))
        return found[1]

    commands = re.sub(r"(?ms)( <<EOF)\n(.*?)^EOF$", taken, text)
    said = [line for line in _joined(commands) if not (line in _STRUCTURE or _MESSAGE.match(line))]
    return [("", {f"command {n}": line for n, line in enumerate(said, 1)}), *manifests]


def of_nginx(text: str) -> Objects:
    """Each directive by the blocks that it is in."""
    plain = re.sub(r"(?m)(^|\s)#.*$", "", text)
    inside: list[str] = []
    directives: list[tuple[str, ...]] = []
    for token, end in re.findall(r"((?:\"[^\"]*\"|[^;{}\"])*)([;{}])", plain):
        words = " ".join(token.split())
        if end == "{":
            inside.append(words)
        elif end == "}":
            inside.pop()
        else:
            name, _, value = words.partition(" ")
            directives.append((".".join([*inside, name]), value))
    return [("", _numbered(iter(directives)))]


def of_program(text: str) -> Objects:
    """The texts, numbers and truth values in a program, by the calls that they are in."""
    found: list[tuple[str, ...]] = []
    for line in text.splitlines():
        code = re.sub(r"(^|\s)//.*", "", line)
        for literal in re.finditer(_LITERAL, code):
            before = re.sub(r'"[^"]*"', "", code[: literal.start()])
            found.append((_calls(before), literal[0].strip('"')))
    return [("", _numbered(iter(found)))]


def _calls(code: str) -> str:
    """The calls that are open at the end of ``code``; without one, the last name in it."""
    inside: list[str] = []
    for bracket in re.finditer(r"([A-Za-z_]\w*)?\(|\)", code):
        if bracket[0] != ")":
            inside.append(bracket[1] or "")
        elif inside:
            inside.pop()
    names = [name for name in inside if name] or re.findall(r"[A-Za-z_]\w*", code)[-1:]
    return ".".join(names) or "value"


def of_mermaid(text: str) -> Objects:
    """The labels of the nodes."""
    return [("", _numbered(iter(re.findall(r"\b(\w+)\[([^\]]+)\]", text))))]


def of_diagram(text: str) -> Objects:
    """The words in a picture of boxes, between its lines."""
    words = re.split(r"[^\w\s().,:/&+•↔#-]|\s{2,}|•|\n", text)
    said = [re.sub(r"^- ", "", word.strip()) for word in words]
    return [("", {f"word {n}": word for n, word in enumerate(filter(_says, said), 1)})]


def _says(word: str) -> bool:
    return re.search(r"\w", word) is not None


def of_text(text: str) -> Objects:
    """The lines of text that have a number or a name in code font."""
    said: list[str] = []
    for line in text.splitlines():
        plain = re.sub(r"^\s*(\d+\.|-( \[ \])?)\s+", "", line).strip()
        if re.search(r"\d|`|^\*\*", plain) and not re.search(r"\]\(#", plain):
            said.append(plain)
    return [("", {f"line {n}": line for n, line in enumerate(said, 1)})]


READERS: Final[Mapping[str, Callable[[str], Objects]]] = {
    "yaml": of_yaml,
    "json": of_json,
    "dockerfile": of_dockerfile,
    "bash": of_shell,
    "nginx": of_nginx,
    "conf": of_conf,
    "rust": of_program,
    "mermaid": of_mermaid,
    "diagram": of_diagram,
    "text": of_text,
}
"""By the language after the opening fence; a block without one is a picture."""


def _joined(text: str) -> Iterator[str]:
    """Lines without comments, each with those that continue it: after ``\\`` or within quotes."""
    whole = ""
    for line in text.splitlines():
        if not whole and re.match(r"\s*(#|$)", line):
            continue
        whole = f"{whole} {line.strip()}".strip()
        if whole.endswith("\\"):
            whole = whole[:-1].rstrip()
        elif not _open_quote(whole):
            yield whole
            whole = ""
    if whole:
        yield whole


def _open_quote(line: str) -> bool:
    plain = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'", "", line)
    return '"' in plain or "'" in plain


def _numbered(named: Iterator[tuple[str, ...]]) -> dict[str, Any]:
    """Values by name; the second of a name has the path ``name (2)``."""
    counts: Counter[str] = Counter()
    found: dict[str, Any] = {}
    for name, *value in named:
        counts[name] += 1
        found[name if counts[name] == 1 else f"{name} ({counts[name]})"] = "".join(value)
    return found
