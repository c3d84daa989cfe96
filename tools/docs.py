"""Writes the generated parts of the documentation: `.venv/bin/python -m tools.docs`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

import typer
from typer.core import TyperGroup

import components
from components.base import arg_types
from components.base.component import Component
from components.base.constraints import Form, Range
from components.mcp.metrics import Exporter, exported_by
from components.mcp.timeout_budget import Distance, Timeouts
from delivery.cli import app
from runtime.bridge.options import BridgeOptions
from stacks.config.reference import forms_table, section_table
from stacks.config.stack import StackConfig
from stacks.diagram import flow_table, mermaid
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import Topology
from stacks.user_servers import with_user_servers
from tools.alert_table import alert_block, alerts_table, recorded_table, runbooks_list
from tools.docstrings import documented
from tools.example_stacks import example_diagram
from tools.gateway_limits import limits_table
from tools.host_conformance import expected, table
from tools.policy_rules import rules_text
from tools.source_tables import cell, source_table, sources_table

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(
    r"(?P<head><!-- generated: (?P<kind>\w+) (?P<subject>[\w-]+) -->\n)"
    r".*?(?P<foot><!-- end generated -->)",
    re.DOTALL,
)


def pages() -> list[Path]:
    """Every Markdown file of the documentation."""
    folders = ("*.md", "docs/**/*.md", "examples/topologies/**/*.md")
    return [page for folder in folders for page in sorted(ROOT.glob(folder))]


def refreshed(text: str) -> str:
    """``text`` with the content of each marked block generated again."""
    return _BLOCK.sub(lambda found: found["head"] + _block(found) + found["foot"], text)


def _block(found: re.Match[str]) -> str:
    return _GENERATORS[found["kind"]](found["subject"]) + "\n"


def args_table(cls: type[Any]) -> str:
    """The fields of a dataclass: type, default and the text of its docstring."""
    meanings = documented(cls)
    rows = [
        f"| `{field.name}` | {_code(str(field.type))} | {_default(field)} "
        f"| {cell(meanings.get(field.name, ''))} |"
        for field in sorted(fields(cls), key=_optional)
    ]
    return "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *rows])


def _optional(field: Field[Any]) -> bool:
    """Whether a field has a default; a base class's fields come first, required or not."""
    return not (field.default is MISSING and field.default_factory is MISSING)


def outputs_table(cls: type[Component[Any]]) -> str:
    """The outputs of a component; each is a ``pulumi.Output``."""
    meanings = documented(cls)
    rows = [f"| `{name}` | {cell(meanings.get(name, ''))} |" for name in cls.outputs()]
    return "\n".join(["| output | meaning |", "|---|---|", *rows])


def budget_table(longest_tool: int) -> str:
    """The timeouts of each distance from the tool, for a longest tool call in seconds."""
    budget = components.TimeoutBudget(longest_tool=longest_tool)
    names = [field.name for field in fields(Timeouts)]
    rows = [
        f"| `{distance.name}` | "
        + " | ".join(str(getattr(budget.at(distance), name)) for name in names)
        + " |"
        for distance in reversed(Distance)
    ]
    head = [f"| distance | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return "\n".join([*head, *rows])


def hosts_table() -> str:
    """The conformance table of the server's hosts."""
    return table(expected())


def types_table() -> str:
    """The types of arguments that have a form or a range, with the values that they accept."""
    rows: list[str] = []
    for name, alias in sorted(vars(arg_types).items()):
        if get_origin(alias) is not Annotated:
            continue
        base, constraint = get_args(alias)[:2]
        match constraint:
            case Form():
                words = f"{constraint.words}; for example " + ", ".join(
                    f"`{example}`" for example in constraint.examples
                )
            case Range():
                words = f"from {constraint.least} to {constraint.most}"
            case _:
                continue
        rows.append(f"| `{name}` | `{base.__name__}` | {cell(words)} |")
    return "\n".join(["| type | is | values |", "|---|---|---|", *rows])


def bridge_table() -> str:
    """The options of `qudag-mcp-server bridge`."""
    rows = [
        f"| `{field.alias}` | {field.default or 'none'} | {field.description} |"
        for field in BridgeOptions.model_fields.values()
    ]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def metrics_table(exporter: Exporter) -> str:
    """The metrics that a program exports."""
    rows = [
        f"| `{one.name}` | {one.kind} | {one.unit} "
        f"| {', '.join(f'`{label}`' for label in one.labels)} | {cell(one.meaning)} "
        f"| {f'`{one.convention}`' if one.convention else ''} | {', '.join(one.sources)} |"
        for one in exported_by(exporter).values()
    ]
    head = "| metric | type | unit | labels | meaning | OpenTelemetry | sources |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def verbs_table() -> str:
    """The verbs of ``qudag-mcp`` and what each does."""
    rows = [
        f"| [`{name}`](#{name}) | {_first_sentence(verb.help or '')} |"
        for name, verb in verbs().items()
    ]
    return "\n".join(["| verb | does |", "|---|---|", *rows])


def verb_table(name: str) -> str:
    """The arguments and options of one verb."""
    rows = [
        f"| {_spelled(parameter)} | {_default_of(parameter)} "
        f"| {cell(getattr(parameter, 'help', None) or '')} |"
        for parameter in verbs()[name].params
        if parameter.name != "help"
    ]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def verbs() -> Mapping[str, Any]:
    """The verbs of ``qudag-mcp`` by name, as click commands."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"{names} (`{parameter.envvar}`)" if parameter.envvar else names


def _default_of(parameter: Any) -> str:
    if parameter.required:
        return "required"
    shown = parameter.default
    if shown is None or shown is False or isinstance(shown, Path):
        return ""
    return f"`{getattr(shown, 'value', shown)}`"


def _first_sentence(text: str) -> str:
    return cell(text.partition("\n\n")[0])


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("pulumi.", "") + "`"


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return _code(_shown(field.default))
    if field.default_factory is not MISSING:
        return _code(_shown(field.default_factory()))
    return "required"


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default_factory is not MISSING:
        return value == field.default_factory()
    return value == field.default


def _shown(value: object) -> str:
    """``value`` as in source code; of a dataclass only the fields that differ from defaults."""
    if isinstance(value, Enum):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        given = [
            f"{field.name}={_shown(getattr(value, field.name))}"
            for field in fields(value)
            if not _is_default(field, getattr(value, field.name))
        ]
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return "{" + ", ".join(f"{_shown(k)}: {_shown(v)}" for k, v in pairs) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_shown(item) for item in cast("Sequence[object]", value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _topology(name: str) -> Topology:
    """The topology with the servers that it has by itself."""
    return with_user_servers(TOPOLOGIES[name], StackConfig(topology=name))


_GENERATORS: Mapping[str, Callable[[str], str]] = {
    "alert": alert_block,
    "alerts": alerts_table,
    "recorded": recorded_table,
    "runbooks": runbooks_list,
    "diagram": lambda subject: f"```mermaid\n{mermaid(_topology(subject))}\n```",
    "flows": lambda subject: flow_table(_topology(subject)),
    "args": lambda subject: args_table(getattr(components, subject)),
    "outputs": lambda subject: outputs_table(getattr(components, subject)),
    "bridge": lambda _: bridge_table(),
    "budget": lambda subject: budget_table(int(subject)),
    "section": section_table,
    "forms": lambda _: forms_table(),
    "hosts": lambda _: hosts_table(),
    "limits": limits_table,
    "metrics": lambda subject: metrics_table(cast("Exporter", subject)),
    "example": example_diagram,
    "source": source_table,
    "rules": lambda _: rules_text(),
    "sources": lambda _: sources_table(),
    "types": lambda _: types_table(),
    "verbs": lambda _: verbs_table(),
    "verb": verb_table,
}
"""The function that generates a block, by the kind in its mark."""


if __name__ == "__main__":
    for page in pages():
        page.write_text(refreshed(page.read_text()))
