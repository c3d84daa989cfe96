"""Templates of the configuration files of the deployed programs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent


def text(name: str) -> str:
    """The text of a file without placeholders."""
    return (FOLDER / name).read_text()


def render(name: str, **values: Any) -> str:
    """Renders a Jinja template of this folder; a missing value is an error."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(  # noqa: S701  (configuration files, not HTML)
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
