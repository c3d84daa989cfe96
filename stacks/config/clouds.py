"""The sections of the clouds, ``serverless`` and ``containers``: a field for each listed cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from pydantic import Field, create_model

from archives.entry import ENTRY
from components.base.forms import VARIABLE
from components.clouds import CLOUDS

from ..targets import TARGETS
from .cloud_forms import FOLDER, TAG, Tag
from .cloud_servers import ServerSection
from .section import Section

SectionT = TypeVar("SectionT", bound=type[Section])


def _field_for_each_cloud(
    model_of: Callable[[str], type[Section] | None], absent: str
) -> Callable[[SectionT], SectionT]:
    """Gives a section an optional field for each cloud, before the fields that it states itself.

    Args:
        model_of: the field's model, by the cloud's key; None for a cloud without one.
        absent: what leaving the field out leads to; ``{title}`` is the cloud's name.
    """

    def extend(stated: SectionT) -> SectionT:
        fields: dict[str, Any] = {
            cloud.key: (
                model | None,
                Field(default=None, description=f"Absent: {absent.format(title=cloud.title)}."),
            )
            for cloud in CLOUDS
            if (model := model_of(cloud.key))
        }
        clouds = create_model(f"{stated.__name__}Fields", __base__=Section, **fields)
        whole = create_model(
            stated.__name__,
            # In this order pydantic puts the clouds' fields first.
            __base__=(stated, clouds),
            __doc__=stated.__doc__,
            __module__=stated.__module__,
        )
        return cast("SectionT", whole)

    return extend


def _location(cloud: str) -> type[Section]:
    return TARGETS[cloud].location


def _server(kind: str) -> Callable[[str], type[ServerSection] | None]:
    def model_of(cloud: str) -> type[ServerSection] | None:
        server = TARGETS[cloud].server(kind)
        return server.section if server else None

    return model_of


class _ServersByCloud(Section):
    def of(self, cloud: str) -> ServerSection | None:
        """The section of a cloud; None where it is absent."""
        return getattr(self, cloud, None)


@_field_for_each_cloud(_location, "nothing goes to {title}")
class Clouds(Section):
    """Where in the clouds; a cloud without a place here is not touched."""

    tags: dict[Tag, Tag] = Field(
        default={},
        description="Tags (AWS, Azure) and labels (Google Cloud) of everything, besides project, "
        "environment and stack.",
    )

    def of(self, cloud: str) -> Section | None:
        """The place in a cloud; None where it is absent."""
        return getattr(self, cloud, None)


@_field_for_each_cloud(_server("serverless"), "no function on {title}")
class Serverless(_ServersByCloud):
    """The server as a function, cloud by cloud."""


@_field_for_each_cloud(_server("containers"), "no container on {title}")
class Containers(_ServersByCloud):
    """The server as a managed container, cloud by cloud."""


CLOUD_FORMS: Final = {
    form.pattern: form
    for form in (
        *(form for target in TARGETS.values() for form in target.forms),
        VARIABLE,
        TAG,
        FOLDER,
        ENTRY,
    )
}
"""By pattern, as a refusal names it."""
