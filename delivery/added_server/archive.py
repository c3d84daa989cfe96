"""Reads an image's digest and configuration from an OCI layout or from what `docker save` wrote."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .image_config import (
    LARGEST,
    ImageConfig,
    Manifest,
    chosen,
    image_config,
    parsed,
)
from .reference import ImageReference
from .refusals import refused

MOST_FILES = 100_000
_WHAT = "pass an OCI layout, a folder or a tar, or what docker save wrote"

_Read = Callable[[str], bytes | None]


def read_archive(file: Path, reference: ImageReference) -> tuple[ImageReference, ImageConfig]:
    """The reference with the digest that the archive has, and the image's configuration.

    Raises:
        ProblemReport: it is no such archive, or its content does not have the digests that it
            states.
    """
    if file.is_dir():
        return _image(file, _of_folder(file), reference)
    try:
        with tarfile.open(file) as tar:
            members = dict[str, tarfile.TarInfo]()
            for count, member in enumerate(tar):
                if count > MOST_FILES:
                    raise refused(str(file), f"it has more than {MOST_FILES} files", _WHAT)
                if member.isfile():
                    members[member.name.removeprefix("./")] = member
            return _image(file, _of_tar(tar, members), reference)
    except (tarfile.TarError, EOFError, ValueError) as failure:
        raise refused(str(file), f"it is not a tar archive: {failure}", _WHAT) from None


def _of_folder(folder: Path) -> _Read:
    def read(name: str) -> bytes | None:
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file():
            return None
        with path.open("rb") as opened:
            return opened.read(LARGEST + 1)

    return read


def _of_tar(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> _Read:
    def read(name: str) -> bytes | None:
        opened = tar.extractfile(members[name]) if name in members else None
        return opened.read(LARGEST + 1) if opened else None

    return read


def _image(
    file: Path, read: _Read, reference: ImageReference
) -> tuple[ImageReference, ImageConfig]:
    where = str(file)
    if (data := read("index.json")) is None:
        return reference, _saved(where, read)
    index = parsed(Manifest, data, where)
    if len(index.manifests) != 1:
        raise refused(where, f"it has {len(index.manifests)} images, not one", _WHAT)
    top = index.manifests[0]
    data, platforms = _blob(where, read, top.digest), list[str]()
    manifest = parsed(Manifest, data, where)
    if manifest.manifests:
        one, platforms = chosen(manifest, where)
        manifest = parsed(Manifest, _blob(where, read, one.digest), where)
    if manifest.config is None:
        raise refused(where, "its manifest names no configuration", _WHAT)
    if reference.digest and reference.digest != top.digest:
        raise refused(
            where,
            f"its image is {top.digest}, and the name has {reference.digest}",
            "leave the digest out of the name, or pass the archive of that image",
        )
    config = _blob(where, read, manifest.config.digest)
    return replace(reference, digest=top.digest), image_config(config, where, platforms)


def _saved(where: str, read: _Read) -> ImageConfig:
    """Of an archive without an index, which has no digest of the image."""
    try:
        saved: Any = json.loads(read("manifest.json") or b"")
        (one,) = saved
        data = read(one["Config"])
    except (ValueError, KeyError, TypeError, RecursionError):
        data = None
    if data is None:
        raise refused(where, "it has no index.json, and no manifest.json of one image", _WHAT)
    return image_config(data, where)


def _blob(where: str, read: _Read, digest: str) -> bytes:
    data = read(f"blobs/{digest.replace(':', '/')}")
    if data is None:
        raise refused(where, f"{digest} is missing in it", "write the archive again")
    if len(data) > LARGEST or f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
        raise refused(where, f"{digest} has another digest there", "write the archive again")
    return data
