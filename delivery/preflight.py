"""Reads which cluster a stack is deployed to, and refuses images with a placeholder digest."""

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
    """The value of ``CLUSTER``, else the ``kubernetes.context`` of the stack's configuration.

    None, as in dev, selects kind or the local node.
    """
    if asked:
        return asked
    config = read_stack_files(root, stack).config.get("qudag-mcp:kubernetes", "{}")
    try:
        context = json.loads(config).get("context")
    except (ValueError, AttributeError):
        return None  # reported when the configuration is validated
    return f"context:{context}" if context else None


def refuse_placeholders(stack: str, objects: Iterable[Object]) -> None:
    """Refuse images whose digest is the placeholder (all zeros) of the committed stack file."""
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
