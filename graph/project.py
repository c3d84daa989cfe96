"""The name of the Pulumi project, which every key of its configuration starts with."""

from typing import Final

KEY_PREFIX: Final = "qudag-mcp:"
