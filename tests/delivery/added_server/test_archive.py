"""An image is read from an OCI layout and from archives, whose digests are verified."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.added_server.archive import read_archive
from delivery.added_server.reference import image_reference
from tests.harness.oci_images import Image, digest_of, tarred

NAME = image_reference("registry.example.com/team/weather:1")
SETTINGS: Mapping[str, Any] = {"ExposedPorts": {"8080/tcp": {}}, "Cmd": ["weather"]}


def refusal(file: Path, name: str = NAME.text) -> str:
    with pytest.raises(ProblemReport) as report:
        read_archive(file, image_reference(name))
    return str(report.value)


@pytest.mark.parametrize("platforms", [(), ("linux/arm64", "linux/amd64")])
@pytest.mark.parametrize("form", ["folder", "w", "w:gz"])
def test_a_layout_has_the_digest_and_the_configuration(
    tmp_path: Path, platforms: tuple[str, ...], form: str
):
    image = Image(SETTINGS, platforms)
    folder = image.layout(tmp_path / "image")
    file = folder if form == "folder" else tarred(folder, form)
    reference, config = read_archive(file, NAME)
    assert reference.text == f"{NAME.text}@{image.digest}"
    assert config.ports == (8080,)
    assert config.platforms == tuple(sorted(platforms))


def test_an_archive_of_an_older_docker_has_the_configuration_alone(tmp_path: Path):
    reference, config = read_archive(tarred(Image(SETTINGS).saved(tmp_path / "image")), NAME)
    assert reference == NAME
    assert config.words == ("weather",)


def test_another_digest_than_that_of_the_name_is_refused(tmp_path: Path):
    file = Image(SETTINGS).layout(tmp_path / "image")
    assert "and the name has" in refusal(file, f"{NAME.text}@{digest_of(b'')}")


@pytest.mark.parametrize("part", ["manifest", "config"])
@pytest.mark.parametrize("content", [b"{}", b" " * (5 * 2**20), None])
def test_a_blob_with_another_content_is_refused(tmp_path: Path, part: str, content: bytes | None):
    image = Image(SETTINGS)
    folder = image.layout(tmp_path / "image")
    config = json.loads(image.top)["config"]["digest"]
    blob = folder / "blobs" / {"manifest": image.digest, "config": config}[part].replace(":", "/")
    if content is None:
        blob.unlink()
    else:
        blob.write_bytes(content)
    expected = "is missing in it" if content is None else "has another digest"
    assert expected in refusal(tarred(folder))


def test_what_is_no_archive_is_refused(tmp_path: Path):
    file = tmp_path / "image.tar"
    file.write_bytes(b"no tar" * 200)
    assert "not a tar archive" in refusal(file)
    (tmp_path / "empty").mkdir()
    assert "no index.json" in refusal(tmp_path / "empty")
    assert "no index.json" in refusal(tarred(tmp_path / "empty"))


def test_a_layout_with_several_images_is_refused(tmp_path: Path):
    folder = Image(SETTINGS).layout(tmp_path / "image")
    index = json.loads((folder / "index.json").read_text())
    index["manifests"] *= 2
    (folder / "index.json").write_text(json.dumps(index))
    assert "has 2 images" in refusal(folder)


@pytest.mark.parametrize(
    "digest", ["../../outside#{}", "{}/../../outside", "\x1b[2Jhidden {}", "{}\nfix: nothing"]
)
def test_a_digest_with_more_than_a_digest_is_refused_and_not_shown(tmp_path: Path, digest: str):
    folder = Image(SETTINGS).layout(tmp_path / "image")
    index = json.loads((folder / "index.json").read_text())
    index["manifests"][0]["digest"] = digest.format(digest_of(b""))
    (folder / "index.json").write_text(json.dumps(index))
    said = refusal(folder)
    assert "not what the OCI specification" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("absolute", [False, True])
def test_a_configuration_outside_of_the_folder_is_not_read(tmp_path: Path, absolute: bool):
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps({"config": {"User": "1000"}}))
    folder = Image(SETTINGS).saved(tmp_path / "image")
    named = str(outside) if absolute else "../outside.json"
    (folder / "manifest.json").write_text(json.dumps([{"Config": named}]))
    assert "no index.json" in refusal(folder)


def test_a_manifest_that_is_nested_too_deep_is_refused(tmp_path: Path):
    (tmp_path / "manifest.json").write_text("[" * 200_000)
    assert "no index.json" in refusal(tmp_path)


def test_a_tar_whose_headers_are_no_numbers_is_refused(tmp_path: Path):
    file = tmp_path / "image.tar"
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        sparse = {"major": "1", "minor": "0", "realsize": "x", "name": "n"}
        member = tarfile.TarInfo("index.json")
        member.pax_headers = {f"GNU.sparse.{key}": value for key, value in sparse.items()}
        member.size = 2
        tar.addfile(member, io.BytesIO(b"{}"))
    assert "not a tar archive" in refusal(file)
