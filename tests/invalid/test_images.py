"""The fix for a wrong image suggests a neutral image."""

from __future__ import annotations

import pytest

from components.base.problems import ProblemReport
from components.base.versions import VERSIONS
from stacks.config.validation import validate

IMAGES = [str(image).partition(":")[0] for image in VERSIONS["images"].values()]


@pytest.mark.parametrize("field", ["server", "gateway", "qudagNode", "postgres", "valkey"])
def test_the_fix_of_a_wrong_image_suggests_a_neutral_image(field: str):
    with pytest.raises(ProblemReport) as refused:
        validate({"images": {field: "Not An Image"}})
    (problem,) = refused.value.problems
    assert problem.fix.startswith("write registry/name:tag")
    assert not [image for image in IMAGES if image in problem.fix]
