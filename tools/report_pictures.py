"""Writes the pictures of reports in docs/images: `.venv/bin/python -m tools.report_pictures`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from review.report import html
from tools.chromium import Page, browser_page
from tools.example_changes import compared, prod

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs/images"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture: of a change, or of the stack prod where ``change`` is empty.

    Attributes:
        scale: pixels of the picture for each of the page.
        opened: how many changes are opened.
    """

    change: str = ""
    width: int = 1280
    height: int = 1500
    scale: float = 0.7
    dark: bool = False
    opened: int = 0


PICTURES: Final = {
    "preview-stack": Picture(height=900),
    "preview-release": Picture(change="release", height=1950, opened=1),
    "preview-without-azure": Picture(change="without-azure", dark=True, height=2050, scale=0.6),
    "preview-another-server": Picture(change="another-server", width=360, height=1700, scale=1),
}
"""By the name of their file."""


def page_of(picture: Picture) -> str:
    """The report that a picture shows."""
    return html.comparison(compared(picture.change)) if picture.change else html.inventory(prod())


def taken(page: Page, picture: Picture, folder: Path) -> bytes:
    """A PNG of the report in a browser; the report is written to ``folder``."""
    file = folder / "preview.html"
    file.write_text(page_of(picture), encoding="utf-8")
    page.open(file.as_uri(), width=picture.width, dark=picture.dark)
    for number in range(picture.opened):
        page.value(f"document.querySelectorAll('details.entry')[{number}].open = true")
    return page.picture(height=picture.height, scale=picture.scale)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, picture in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder, browser_page() as page:
            (FOLDER / f"{name}.png").write_bytes(taken(page, picture, Path(folder)))
