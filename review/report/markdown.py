"""Previews as Markdown: the comment that a pull request gets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from graph.resource_graph import STACK_TYPE, ResourceGraph
from policies.finding import Finding

from ..diff import Action, Change, Diff
from ..preview import Comparison
from ..properties import Difference, PropertyChange
from ..replacement import URN
from ..risk import Risk, broken_rules
from .phrases import (
    DONE,
    GRAVITY,
    SIGNS,
    asked_at_peak,
    block,
    by_class,
    kind_of,
    kinds,
    peak_changes,
    place,
    short,
    summary,
)
from .summaries import fact, headline

LIMIT = 65_536  # characters that GitHub takes in a comment
_TAIL = 600  # kept for the sentence about what is cut
_RISKS = 20_000  # of the whole, for the findings
_NOTICES = 8_000  # of the whole, for what the preview leaves out
_ONE_CHANGE = 16_000  # of the whole, for one resource's properties


def inventory(graph: ResourceGraph, findings: Iterable[Finding] = ()) -> str:
    """What a stack is."""
    total = sum(resource.type != STACK_TYPE for resource in graph.resources)
    lines = [
        f"### `{graph.stack}`: {total} resources",
        "",
        "| kind | count |",
        "|---|---:|",
        *(f"| {name} | {count} |" for name, count in kinds(graph).items()),
        "",
        f"Asked for at peak: {asked_at_peak(graph)}.",
        "",
        *_listed_risks(broken_rules(findings)),
        *_notices(graph),
    ]
    rows = [
        f"- {headline(one)}{f': {_code(about)}' if (about := fact(one)) else ''}"
        for one in graph.resources
        if one.custom
    ]
    return _fitted("\n".join(lines), [_details("Resources", "\n".join(rows))], graph.stack, None)


def comparison(found: Comparison) -> str:
    """What a change does: the table, the risks, then each resource in a collapsed section."""
    diff = found.diff
    head = [
        f"<!-- qudag-mcp preview: {diff.after.stack} -->",
        f"### `{diff.after.stack}`: {summary(diff)}",
        "",
        f"Compared with `{found.base}` ({found.commit[:12]}).",
        "",
        *_table(diff),
        *_risks(found),
        *_notices(diff.after),
    ]
    if amounts := peak_changes(diff):
        head += [f"Asked for at peak: {', '.join(amounts)}.", ""]
    ordered = sorted(diff.changes, key=lambda change: GRAVITY.index(change.action))
    folds = [_fold(change, diff) for change in ordered]
    if diff.outputs:
        listed = "\n".join(_property(output, ()) for output in diff.outputs)
        folds.append(_details(f"Stack outputs: {len(diff.outputs)} changed", listed))
    return _fitted("\n".join(head), folds, diff.after.stack, found.base)


def _table(diff: Diff) -> list[str]:
    counted = Counter((kind_of(change.resource), change.action) for change in diff.changes)
    names = sorted({kind for kind, _ in counted})
    shown = [action for action, count in diff.counts().items() if count]
    if not shown:
        return ["No resource changes.", ""]
    rows = [(kind, [counted[kind, action] for action in shown]) for kind in names]
    return [
        f"| kind | {' | '.join(DONE[action] for action in shown)} |",
        f"|---|{'---:|' * len(shown)}",
        *(f"| {kind} | {' | '.join(str(n or '') for n in counts)} |" for kind, counts in rows),
        f"| **all** | {' | '.join(f'**{diff.counts()[action]}**' for action in shown)} |",
        "",
    ]


def _risks(found: Comparison) -> list[str]:
    if not found.risks:
        return ["No risk found by the rules.", ""]
    return _listed_risks(found.risks)


def _listed_risks(risks: Sequence[Risk]) -> list[str]:
    if not risks:
        return []
    lines = ["#### Risks", ""]
    for name, findings in by_class(risks).items():
        lines += [f"**{name}**", "", *(f"- {_plain(finding)}" for finding in findings), ""]
    kept = _first_lines(lines, _RISKS)
    cut = sum(line.startswith("- ") for line in lines[len(kept) :])
    return [*kept, *([f"… and {cut} findings more.", ""] if cut else [])]


def _notices(graph: ResourceGraph) -> list[str]:
    if not graph.notices:
        return []
    lines = [f"- {_code(notice.subject)}: {_plain(notice.what)}" for notice in graph.notices]
    kept = _first_lines(lines, _NOTICES)
    cut = len(lines) - len(kept)
    more = [f"- … and {cut} more."] if cut else []
    return ["#### Not part of this preview", "", *kept, *more, ""]


def _fold(change: Change, diff: Diff) -> str:
    count = len(change.properties)
    extent = f", {count} {'property' if count == 1 else 'properties'}" if count else ""
    held = place(change, diff)
    title = f"{SIGNS[change.action]} {headline(change.resource)} {DONE[change.action]}{extent}"
    lines = [f"In {held}.", ""] if held else []
    if change.moved_from and URN not in change.replacing:
        lines += [f"Was `{change.moved_from}`.", ""]
    if change.action in (Action.ADD, Action.DELETE) and change.resource.inputs:
        lines += _fenced("yaml", block(change.resource.inputs))
    lines += [_property(found, change.replacing) for found in change.properties]
    kept = _first_lines("\n".join(lines).splitlines(), _ONE_CHANGE)
    text = "\n".join(kept)
    missing = len("\n".join(lines).splitlines()) - len(kept)
    if missing:
        fence = re.findall(r"^`{3,}", text, re.MULTILINE)
        closing = f"\n{fence[-1]}" if len(fence) % 2 else ""
        text += f"{closing}\n\n… {missing} lines more."
    return _details(title, text)


def _property(found: PropertyChange, replacing: tuple[str, ...]) -> str:
    path = f"- {_code(found.path)}{' (replaces)' if found.path in replacing else ''}"
    if found.is_text:
        return "\n".join([path, "", *_fenced("diff", found.text_diff())])
    old, new = short(found.old), short(found.new)
    match found.difference:
        case Difference.ADDED if new is not None:
            return f"{path}: added {_code(new)}"
        case Difference.REMOVED if old is not None:
            return f"{path}: removed {_code(old)}"
        case Difference.CHANGED | Difference.REORDERED if old is not None and new is not None:
            order = "order " if found.difference is Difference.REORDERED else ""
            return f"{path}: {order}{_code(old)} → {_code(new)}"
        case _:
            lines = [f"{sign}{line}" for sign, value in (("-", found.old), ("+", found.new))
                     if value is not None for line in block(value)]  # fmt: skip
            return "\n".join([path, "", *_fenced("diff", lines)])


def _code(text: str) -> str:
    """Inline code: the fence is longer than any run of backticks in the text."""
    runs = [len(run) for run in re.findall(r"`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    return f"{fence} {text} {fence}" if runs else f"`{text}`"


def _plain(text: str) -> str:
    """Text in which nothing is markup, a mention or a reference to an issue."""
    return re.sub(r"([\\`*_\[\]<>#@|~])", r"\\\1", text)


def _fenced(language: str, lines: Iterable[str]) -> list[str]:
    listed = list(lines)
    runs = [len(run) for line in listed for run in re.findall(r"`{3,}", line)]
    fence = "`" * (max(runs, default=2) + 1)
    return [f"{fence}{language}", *listed, fence]


def _details(title: str, body: str) -> str:
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<details><summary>{escaped}</summary>\n\n{body}\n\n</details>\n"


def _first_lines(lines: list[str], limit: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        limit -= len(line) + 1
        if limit < 0:
            break
        kept.append(line)
    return kept


def _fitted(head: str, folds: list[str], stack: str, base: str | None) -> str:
    """The sections that fit into a comment, and a sentence that counts the omitted ones."""
    text, cut = head, 0
    for fold in folds:
        if cut or len(text) + len(fold) + 1 > LIMIT - _TAIL:
            cut += 1
            continue
        text += "\n" + fold
    if cut:
        command = f"make preview STACK={stack}" + (f" BASE={base}" if base else "")
        text += f"\n{cut} of {len(folds)} entries are cut: a comment holds {LIMIT:,} characters. "
        text += f"`{command}` shows them all.\n"
    return text
