"""Text of the configuration files that the deployed programs read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent


def text(name: str) -> str:
    """A file that is used as it stands."""
    return (FOLDER / name).read_text()


def render(name: str, **values: Any) -> str:
    """A Jinja template of this folder, filled; a value it lacks is an error."""
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
