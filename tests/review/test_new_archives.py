"""A changed archive with a function's code is not reported as a loss of data."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from graph.resource_graph import ResourceGraph
from review.diff import Action, diff
from review.risk import risks
from tests.harness.graphs import cloud, graph
from tests.harness.stacks import stack

ARCHIVE = re.compile(r"[0-9a-f]{16}(?=\.zip)")


def with_new_code(before: ResourceGraph) -> ResourceGraph:
    """The stack after a change of the code: archives are named by the digest of their content."""
    text = before.to_json()
    assert len(set(ARCHIVE.findall(text))) >= 3, "an archive for each cloud"
    return ResourceGraph.from_json(ARCHIVE.sub(lambda found: found[0][::-1], text))


@pytest.mark.slow
def test_new_code_of_functions_in_three_clouds_is_no_risk():
    found = diff(stack("prod"), with_new_code(stack("prod")))
    replaced = {one.resource.type for one in found.changes if one.action is Action.REPLACE}
    assert replaced <= {
        "aws:s3/bucketObjectv2:BucketObjectv2",
        "gcp:storage/bucketObject:BucketObject",
        "azure-native:storage:Blob",
    }
    assert risks(found) == ()


@pytest.mark.parametrize(
    ("token", "old", "new", "action"),
    [
        ("gcp:storage/bucketObject:BucketObject", {"name": "1.zip"}, {"name": "2.zip"}, "replace"),
        ("gcp:storage/bucketObject:BucketObject", {"content": "1"}, {"content": "2"}, "change"),
        ("aws:s3/bucketObject:BucketObject", {"source": "1"}, {"source": "2"}, "change"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {"key": "1"}, {"key": "2"}, "replace"),
        ("aws:lambda/function:Function", {"code": "1"}, {"code": "2"}, "change"),
        ("gcp:cloudfunctions/function:Function", {"sourceArchiveObject": "1"},
         {"sourceArchiveObject": "2"}, "change"),
        ("gcp:cloudfunctionsv2/function:Function", {"buildConfig": {"source": "1"}},
         {"buildConfig": {"source": "2"}}, "change"),
    ],
)  # fmt: skip
def test_new_code_in_programs_of_others_is_no_risk(
    token: str, old: dict[str, object], new: dict[str, object], action: str
):
    before, after = (replace(cloud(token, "code"), inputs=inputs) for inputs in (old, new))
    found = diff(graph(before), graph(after))
    assert [str(change.action) for change in found.changes] == [action]
    assert risks(found) == ()


def test_a_digest_that_only_one_recording_has_is_no_change():
    """The program of this checkout and a commit of it are recorded in two ways."""
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    file = {"path": "out/archives/1.zip"}
    without = cloud(token, "code", source=file)
    read, other = (cloud(token, "code", source=file | {"sha256": text}) for text in "ab")
    assert diff(graph(read), graph(without)).is_empty
    assert diff(graph(without), graph(read)).is_empty
    assert not diff(graph(read), graph(other)).is_empty
