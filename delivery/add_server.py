"""`add-server`: inspects the image of an MCP server, and adds the server to a stack file."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from components.base.problems import ProblemReport
from stacks.config.server_forms import NAME

from .added_server.archive import read_archive
from .added_server.entry import Found, lines
from .added_server.image_config import ImageConfig
from .added_server.instance import Instance, ask_program, ask_url
from .added_server.reference import ImageReference, image_reference
from .added_server.refusals import NotAskedError, refused
from .added_server.registry import ask_registry
from .added_server.stack_file import StackFile
from .progress import Progress


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the facts about a server come from.

    Attributes:
        archive: a file with the image, which is read in place of its registry.
        url: of a running instance.
        token: for that instance.
        command: a program of this machine that speaks MCP over stdin and stdout, with arguments.
        seconds: timeout of each source, and of each MCP era of an instance.
    """

    archive: Path | None = None
    url: str | None = None
    token: str | None = None
    command: str | None = None
    seconds: float = 30.0

    def found(self, reference: ImageReference, progress: Progress) -> Found:
        """Ask the sources.

        Raises:
            ProblemReport: an answer is invalid, or no source could be reached.
        """
        reference, config, why = self._image(reference, progress)
        words = self._words()
        instance: Instance | None = None
        if self.url:
            with progress.step(f"Instance {self.url}"):
                instance = ask_url(self.url, self.token, self.seconds)
        elif words:
            with progress.step(f"Program {words[0]}"):
                instance = ask_program(words, self.seconds)
        return Found(image=reference.text, config=config, why=why, instance=instance, command=words)

    def _image(
        self, reference: ImageReference, progress: Progress
    ) -> tuple[ImageReference, ImageConfig | None, str]:
        if self.archive:
            with progress.step(f"Archive {self.archive}"):
                return *read_archive(self.archive, reference), ""
        with progress.step(f"Registry {reference.registry}") as step:
            try:
                return *ask_registry(reference, self.seconds), ""
            except NotAskedError as unasked:
                if not (self.url or self.command):
                    raise ProblemReport([unasked.problem]) from None
                step.result = unasked.problem.what
                return reference, None, unasked.problem.what

    def _words(self) -> list[str]:
        try:
            words = shlex.split(self.command or "")
        except ValueError as failure:
            raise refused(
                "--command", f"is no command line: {failure}", "close the quotes"
            ) from None
        if self.command is not None and not words:
            raise refused("--command", "is empty", "write the program and its arguments")
        return words


@dataclass(frozen=True, kw_only=True)
class Addition:
    """A change of a stack file before it is written.

    Attributes:
        text: of the file with the server.
        shown: lines for the user: what was found, and the difference.
    """

    file: StackFile
    name: str
    text: str
    shown: tuple[str, ...]

    def write(self) -> None:
        self.file.write(self.text)


def added(
    file: StackFile,
    image: str,
    name: str | None,
    sources: Sources,
    progress: Progress,
    *,
    replacing: bool = False,
) -> Addition:
    """The stack file with a server of this image, checked as ``preview`` checks it.

    Args:
        name: of the server; by default it follows from the image's name.
        replacing: whether a server of this name may be there already.

    Raises:
        ProblemReport: the image or the stack is refused; the file is unchanged.
    """
    reference = image_reference(image)
    name = _name(name, reference)
    old = file.servers.get(name)
    if old is not None and not replacing:
        raise refused(
            f"server {name}",
            f"{file.file.name} has a server of that name",
            "pass another --name, or --replace, which keeps the fields that you have added",
        )
    found = replace(sources.found(reference, progress), user_ids_assigned=file.assigns_user_ids)
    entry = found.entry(name, old)
    text = file.with_server(entry)
    with progress.step(f"Stack {file.stack} with {name}"):
        file.validate(entry)
    return Addition(
        file=file, name=name, text=text, shown=(*lines(found), "", file.difference(text))
    )


def _name(given: str | None, reference: ImageReference) -> str:
    name = given or reference.server_name
    if re.fullmatch(NAME.pattern, name):
        return name
    stated = "--name" if given else f"image {reference.text}"
    what = "is not the name of a server" if given else f"would be a server named {name!r}"
    raise refused(stated, what, f"pass --name with {NAME.words}")
