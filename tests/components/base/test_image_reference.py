"""Whether an image's reference names a version, and one image for ever."""

from __future__ import annotations

import pytest

from components.base.image_reference import (
    has_digest,
    has_version,
    is_placeholder,
    placeholder_problems,
)

DIGEST = "@sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("image", "version", "digest"),
    [
        (f"docker.io/a/b:1{DIGEST}", True, True),
        (f"docker.io/a/b{DIGEST}", True, True),
        ("docker.io/a/b:1.2", True, False),
        ("docker.io/a/b:latest", False, False),
        ("docker.io/a/b", False, False),
        ("registry:5000/a/b", False, False),
        ("registry:5000/a/b:2", True, False),
        ("docker.io/a/b@sha256:short", False, False),
        (f"docker.io/a/b:latest{DIGEST}", True, True),
        (None, False, None),
    ],
)
def test_a_reference_has_a_version_or_a_digest(image: object, version: bool, digest: bool | None):
    assert has_version(image) == version
    if isinstance(image, str):
        assert has_digest(image) == digest


def test_zeros_are_a_placeholder():
    assert is_placeholder("docker.io/a/b:1@sha256:" + "0" * 64)
    assert not is_placeholder(f"docker.io/a/b:1{DIGEST}")


def test_placeholders_are_found_at_their_path_in_args_and_within_texts():
    image = "docker.io/a/b:1@sha256:" + "0" * 64
    task = '[{"name": "server", "image": "' + image + '"}]'
    found = list(
        placeholder_problems({"image": image, "tasks": [task, f"c/d:1{DIGEST}"]}, "server")
    )
    assert [problem.path for problem in found] == ["server.image", "server.tasks[0]"]
    assert {problem.fix for problem in found} == {
        "set the digest of what your pipeline pushed (crane digest docker.io/a/b:1)"
    }
