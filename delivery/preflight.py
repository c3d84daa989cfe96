"""Where a stack is meant to go, and whether what it runs can be had there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from components.base.image_reference import is_placeholder
from components.base.problems import Problem, ProblemReport
from graph.stack_files import read_stack_files

from .images import used
from .kubectl import Object


def request(root: Path, stack: str, asked: str | None) -> str | None:
    """The cluster that was asked for, else the context that the stack's configuration names.

    Without either, as in dev, it is one of our own on this machine.
    """
    if asked:
        return asked
    config = read_stack_files(root, stack).config.get("qudag-mcp:kubernetes", "{}")
    try:
        context = json.loads(config).get("context")
    except (ValueError, AttributeError):
        return None  # said where the configuration is validated
    return f"context:{context}" if context else None


def refuse_placeholders(stack: str, objects: Iterable[Object]) -> None:
    """Refuses images whose digest is still the row of zeros that the stack's file came with."""
    images = [image for image in used(objects) if is_placeholder(image)]
    if images:
        raise ProblemReport(
            Problem(
                f"Pulumi.{stack}.yaml: qudag-mcp:images",
                f"{image.partition('@')[0]} has a digest of zeros: a placeholder",
                "no registry has such an image: its pods would never start",
                "set the digest of what your pipeline pushed "
                f"(crane digest {image.partition('@')[0]})",
            )
            for image in images
        )
