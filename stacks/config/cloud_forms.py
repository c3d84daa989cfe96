"""Forms of text that the sections of every cloud share; a cloud's own are in its ``forms.py``."""

from __future__ import annotations

from typing import Annotated, Final

from archives.entry import ENTRY
from components.base.constraints import Form
from components.base.forms import VARIABLE

from .forms import constraint

TAG: Final = Form(
    name="tag",
    pattern=r"^[a-z][a-z0-9_-]{0,62}$",
    words="lower-case letters, digits, _ and -, at most 63, beginning with a letter",
    examples=("team", "payments"),
    consequence="Google Cloud refuses other labels, and all clouds use the same list",
    longest=63,
)

FOLDER: Final = Form(
    name="folder",
    pattern=r"^[^/~\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
    words="the path of a folder, relative to the stack file",
    examples=("./weather",),
    consequence="other machines that deploy this stack do not have it there",
)

Variable = Annotated[str, constraint(VARIABLE)]
Tag = Annotated[str, constraint(TAG)]
Folder = Annotated[str, constraint(FOLDER)]
Entry = Annotated[str, constraint(ENTRY)]
