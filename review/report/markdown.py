"""Previews as Markdown: the comment that a pull request gets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from graph.resource_graph import ResourceGraph
from policies.finding import Finding

from ..diff import Action, Change, Diff
from ..preview import Comparison
from ..properties import Difference, PropertyChange
from ..replacement import URN
from ..risk import Risk
from .contents import Contents, of_change, of_stack
from .phrases import (
    DONE,
    SIGNS,
    block,
    by_class,
    kind_of,
    place,
    short,
    whole,
)
from .summaries import fact, headline

LIMIT = 65_536  # characters that GitHub takes in a comment
_TAIL = 600  # kept for the sentence about what is cut
_RISKS = 20_000  # of the whole, for the findings
_COSTS = 6_000  # of the whole, for what is billed
_NOTICES = 8_000  # of the whole, for what the preview leaves out, and as much for unknown values
_ONE_CHANGE = 16_000  # of the whole, for one resource's properties


def inventory(
    graph: ResourceGraph, findings: Iterable[Finding] = (), *, rules_page: str = ""
) -> str:
    """What a stack is."""
    found = of_stack(graph, findings)
    lines = [
        f"### {as_code(graph.stack)}: {found.summary}",
        "",
        "| kind | count |",
        "|---|---:|",
        *(f"| {as_plain(name)} | {count} |" for name, count in found.kinds),
        "",
        f"Asked for at peak: {found.peak}.",
        "",
        *_listed_risks(found.risks, rules_page),
        *_not_known(found),
    ]
    rows = [
        f"- {as_plain(headline(one))}{f': {as_code(about)}' if (about := fact(one)) else ''}"
        for one in found.resources
    ]
    return _fitted("\n".join(lines), [_details("Resources", "\n".join(rows))], graph.stack, None)


def comparison(found: Comparison, *, rules_page: str = "") -> str:
    """What a change does: the table, the risks, then each resource in a collapsed section.

    Args:
        rules_page: address of docs/policies.md, for links from the ids of rules.
    """
    diff, contents = found.diff, of_change(found)
    head = [
        marker(contents.project, contents.stack),
        f"### {as_code(contents.stack)}: {contents.summary}",
        "",
        f"Compared with {as_code(contents.base)} ({contents.commit[:12]}).",
        "",
        *_table(diff),
        *(_listed_risks(contents.risks, rules_page) or ["No risk found by the rules.", ""]),
        *_costs(contents),
        *_not_known(contents),
    ]
    folds = [_fold(change, diff) for change in contents.changes]
    if contents.outputs:
        listed = "\n".join(_property(output, ()) for output in contents.outputs)
        folds.append(_details(f"Stack outputs: {len(contents.outputs)} changed", listed))
    return _fitted("\n".join(head), folds, contents.stack, contents.base)


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
        *(
            f"| {as_plain(kind)} | {' | '.join(str(n or '') for n in counts)} |"
            for kind, counts in rows
        ),
        f"| **all** | {' | '.join(f'**{diff.counts()[action]}**' for action in shown)} |",
        "",
    ]


def _listed_risks(risks: Sequence[Risk], rules_page: str) -> list[str]:
    if not risks:
        return []
    lines = ["#### Risks", ""]
    for name in by_class(risks):
        found = [f"- {_risk(one, rules_page)}" for one in risks if one.risk is name]
        lines += [f"**{name}**", "", *found, ""]
    kept = first_lines(lines, _RISKS)
    cut = sum(line.startswith("- ") for line in lines[len(kept) :])
    return [*kept, *([f"… and {cut} findings more.", ""] if cut else [])]


def _risk(risk: Risk, rules_page: str) -> str:
    """The sentence of a risk; the id of a rule, with which it begins, leads to its page."""
    if risk.finding is None or not rules_page:
        return as_plain(risk.what)
    rule = risk.finding.rule
    return f"[{rule}]({rules_page}#{rule}){as_plain(risk.what.removeprefix(rule))}"


def _costs(contents: Contents) -> list[str]:
    if not contents.costs and not contents.peak:
        return []
    rows = [
        f"| {as_plain(one.resource)} | {as_plain(one.what)} | {one.trend} |"
        for one in contents.costs
    ]
    kept = first_lines(rows, _COSTS)
    cut = len(rows) - len(kept)
    table = ["| resource | what is billed | bill |", "|---|---|---|", *kept, ""] if rows else []
    return [
        *("#### Costs", ""),
        *([f"Asked for at peak: {contents.peak}.", ""] if contents.peak else []),
        *table,
        *([f"… and {cut} more.", ""] if cut else []),
    ]


def _not_known(contents: Contents) -> list[str]:
    """What the preview leaves out, and values that only the deployment knows."""
    parts = [f"- {as_code(one.subject)}: {as_plain(one.what)}" for one in contents.notices]
    values = [
        f"- {as_plain(one.resource)}: {', '.join(as_code(path) for path in one.paths)}"
        for one in contents.unknown
    ]
    return [
        *_limited("#### Not part of this preview", parts),
        *_limited("#### Values that only the deployment knows", values),
    ]


def _limited(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    kept = first_lines(lines, _NOTICES)
    cut = len(lines) - len(kept)
    return [title, "", *kept, *([f"- … and {cut} more."] if cut else []), ""]


def _fold(change: Change, diff: Diff) -> str:
    count = len(change.properties)
    extent = f", {count} {'property' if count == 1 else 'properties'}" if count else ""
    held = place(change, diff)
    title = f"{SIGNS[change.action]} {headline(change.resource)} {DONE[change.action]}{extent}"
    lines = [f"In {as_plain(held)}.", ""] if held else []
    if change.moved_from and URN not in change.replacing:
        lines += [f"Was {as_code(change.moved_from)}.", ""]
    if change.action in (Action.ADD, Action.DELETE) and change.resource.inputs:
        lines += fenced("yaml", whole(change.resource.inputs))
    lines += [_property(found, change.replacing) for found in change.properties]
    kept = first_lines("\n".join(lines).splitlines(), _ONE_CHANGE)
    text = "\n".join(kept)
    missing = len("\n".join(lines).splitlines()) - len(kept)
    if missing:
        fence = re.findall(r"^`{3,}", text, re.MULTILINE)
        closing = f"\n{fence[-1]}" if len(fence) % 2 else ""
        text += f"{closing}\n\n… {missing} lines more."
    return _details(title, text)


def _property(found: PropertyChange, replacing: tuple[str, ...]) -> str:
    path = f"- {as_code(found.path)}{' (replaces)' if found.path in replacing else ''}"
    if found.is_text:
        return "\n".join([path, "", *fenced("diff", found.text_diff())])
    old, new = short(found.old), short(found.new)
    match found.difference:
        case Difference.ADDED if new is not None:
            return f"{path}: added {as_code(new)}"
        case Difference.REMOVED if old is not None:
            return f"{path}: removed {as_code(old)}"
        case Difference.CHANGED | Difference.REORDERED if old is not None and new is not None:
            order = "order " if found.difference is Difference.REORDERED else ""
            return f"{path}: {order}{as_code(old)} → {as_code(new)}"
        case _:
            lines = [f"{sign}{line}" for sign, value in (("-", found.old), ("+", found.new))
                     if value is not None for line in block(value)]  # fmt: skip
            return "\n".join([path, "", *fenced("diff", lines)])


def marker(project: str, stack: str) -> str:
    """The first line of a comment, by which a later one finds it."""
    named = re.sub(r"[^\w.-]", "_", project), re.sub(r"[^\w.-]", "_", stack)
    return f"<!-- qudag-mcp preview: {'/'.join(named)} -->"


def as_code(text: str) -> str:
    """Inline code: the fence is longer than any run of backticks in the text."""
    line = _one_line(text)
    runs = [len(run) for run in re.findall(r"`+", line)]
    fence = "`" * (max(runs, default=0) + 1)
    return f"{fence} {line} {fence}" if runs else f"`{line}`"


def as_plain(text: str) -> str:
    """Text in which nothing is markup, a mention or a reference to an issue."""
    return _unlinked(re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", _one_line(text)))


def _unlinked(text: str) -> str:
    """A space without width after what begins a mention or a reference, as a forge looks for
    them in the text that a reader sees."""
    return re.sub(r"([@#!](?=\w))", r"\1&#8203;", text)


def _one_line(text: str) -> str:
    """The text without line breaks, which would end a heading, an item or a row."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text)


def fenced(language: str, lines: Iterable[str]) -> list[str]:
    listed = list(lines)
    runs = [len(run) for line in listed for run in re.findall(r"`{3,}", line)]
    fence = "`" * (max(runs, default=2) + 1)
    return [f"{fence}{language}", *listed, fence]


def _details(title: str, body: str) -> str:
    escaped = escape(_one_line(title), quote=False)
    return f"<details><summary>{_unlinked(escaped)}</summary>\n\n{body}\n\n</details>\n"


def first_lines(lines: list[str], limit: int) -> list[str]:
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
        command = f"qudag-mcp preview --stack {stack}" + (f" --base {base}" if base else "")
        text += f"\n{cut} of {len(folds)} entries are cut: a comment holds {LIMIT:,} characters. "
        text += f"{as_code(command)} shows them all.\n"
    return text
