"""What every section of a stack's configuration is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A section of a stack's configuration: camelCase outside, immutable, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        # One spelling outside: snake_case would pass here and mean nothing to the JSON Schema.
        validate_by_alias=True,
        validate_by_name=False,
    )
