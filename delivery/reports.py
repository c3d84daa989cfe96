"""Shows a preview on standard output, or writes it to files, in one of its forms."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import typer

from components.base.problems import Problem, ProblemReport
from graph.stack_files import project_name
from policies.checked_program import CheckedStack
from review.preview import Comparison

from .option_values import refuse_unwritable
from .source_checkout import IS_CHECKOUT, ROOT

_MODULES = {"tree": "terminal", "markdown": "markdown", "json": "json", "html": "html"}
"""The module that writes each form; only that one is imported."""
_SUFFIXES = {".txt": "tree", ".md": "markdown", ".json": "json", ".html": "html", ".htm": "html"}


def show(subject: CheckedStack | Comparison, form: str, rules_page: str = "") -> None:
    """Writes ``subject`` to standard output; ``rules_page`` as of ``write``."""
    written = _written(subject, form, rules_page)
    if isinstance(written, str):
        typer.echo(written, nl=False)
    else:
        from review.report.terminal import console

        console().print(written)


def write(
    subject: CheckedStack | Comparison,
    files: Sequence[Path],
    form: str | None,
    rules_page: str = "",
) -> None:
    """Writes ``subject`` to each file, in ``form`` or in the form of the file's suffix.

    Args:
        rules_page: address of docs/policies.md, for links from the ids of rules.

    Raises:
        ProblemReport: a suffix of no form, before any file is written.
    """
    for file, name in forms_of(files, form).items():
        text = _written(subject, name, rules_page or _page_from(file))
        if not isinstance(text, str):
            from review.report.terminal import Plain

            plain = io.StringIO()
            Plain(file=plain, width=100_000, highlight=False).print(text)
            text = plain.getvalue()
        file.write_text(text, encoding="utf-8")


def write_refusal(
    problems: ProblemReport, root: Path, stack: str, files: Sequence[Path], form: str | None
) -> None:
    """Writes the problems instead of the report, so that an earlier report does not remain."""
    from review.report import refusal

    try:
        project = project_name(root)
    except ProblemReport:
        project = root.resolve().name
    found = refusal.Refusal(project=project, stack=stack, problems=problems)
    for file, name in forms_of(files, form).items():
        file.write_text(getattr(refusal, name)(found), encoding="utf-8")


def forms_of(files: Sequence[Path], form: str | None) -> dict[Path, str]:
    """The form of each file: the stated one, or that of its suffix.

    Raises:
        ProblemReport: a suffix of no form, or a file that cannot be written.
    """
    forms = {file: form or _SUFFIXES.get(file.suffix.lower(), "") for file in files}
    if unknown := [file for file, name in forms.items() if not name]:
        raise ProblemReport([_no_form(file) for file in unknown])
    refuse_unwritable("--out", files, "nothing was written")
    return forms


def _page_from(file: Path) -> str:
    """The relative path from a file to docs/policies.md of this checkout; empty without one."""
    page = ROOT / "docs/policies.md"
    return Path(os.path.relpath(page, file.resolve().parent)).as_posix() if IS_CHECKOUT else ""


def _written(subject: CheckedStack | Comparison, form: str, rules_page: str) -> object:
    report = import_module(f"review.report.{_MODULES[form]}")
    linked = {"rules_page": rules_page} if form in ("html", "markdown") else {}
    if isinstance(subject, Comparison):
        return report.comparison(subject, **linked)
    return report.inventory(subject.graph, subject.findings, **linked)


def _no_form(file: Path) -> Problem:
    return Problem(
        path=f"--out {file}",
        what="no form of the report has this suffix",
        consequence="nothing was written",
        fix=f"end it with one of {', '.join(_SUFFIXES)}, or set --format",
    )
