"""Downloads the pinned release of the Pulumi CLI and verifies its checksum."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.base.versions import VERSIONS

SOURCE = "https://get.pulumi.com/releases/sdk"

CONNECT_SECONDS = 3.0
_CHUNK = 1 << 20
_UNFINISHED = "new-"


class UnavailableError(Exception):
    """The release cannot be downloaded; the message says why."""


@dataclass(frozen=True)
class Release:
    """A release of the CLI.

    Attributes:
        checksums: SHA-256 of the archives by platform, such as ``linux-x64``.
    """

    version: str = VERSIONS["pulumi"]["cli"]
    source: str = SOURCE
    checksums: Mapping[str, str] = field(default_factory=lambda: VERSIONS["pulumi"]["checksums"])

    def archive(self, machine: str) -> str:
        return f"pulumi-v{self.version}-{machine}.tar.gz"


def this_platform() -> str:
    """This machine's platform as in the names of the archives, such as ``linux-x64``."""
    names = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    return f"{platform.system().lower()}-{names.get(platform.machine().lower(), '?')}"


def obtain(cache: Path, release: Release | None = None, machine: str | None = None) -> Path:
    """Download and unpack the CLI into ``cache`` if absent; returns the path of ``pulumi``.

    An archive with a wrong checksum is not unpacked. A lock lets only one command download at a
    time; incomplete files of a killed command are removed.

    Raises:
        UnavailableError: the platform has no release, the download failed, or the checksum is
            wrong.
    """
    release = release or Release()
    machine = machine or this_platform()
    home = cache / f"pulumi-{release.version}-{machine}"
    program = home / "pulumi"
    if program.exists():
        return program
    wanted = release.checksums.get(machine)
    if wanted is None:
        raise UnavailableError(f"no checksum of release {release.version} is pinned for {machine}")
    with (cache / "download.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=_UNFINISHED) as folder:
                unpacked = _unpacked(release, machine, wanted, Path(folder))
                shutil.rmtree(home, ignore_errors=True)
                os.replace(unpacked, home)  # atomic: no incomplete folder is ever found
    return program


def _unpacked(release: Release, machine: str, wanted: str, folder: Path) -> Path:
    """Download, verify and unpack the release under ``folder``."""
    archive = folder / "archive"
    url = f"{release.source}/{release.archive(machine)}"
    found = _fetch(url, archive)
    if found != wanted:
        raise UnavailableError(f"{url} is not the pinned release (SHA-256 {found}, not {wanted})")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except OSError as failure:
        raise UnavailableError(f"it could not be unpacked ({failure.strerror})") from failure
    return folder / "pulumi"


def _fetch(url: str, target: Path) -> str:
    """Download ``url`` to ``target``; returns the SHA-256."""
    digest = hashlib.sha256()
    try:
        with (
            urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer,  # noqa: S310  (pinned)
            target.open("wb") as file,
        ):
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
    except urllib.error.HTTPError as refusal:
        raise UnavailableError(f"{url} answered {refusal.code}") from refusal
    except (TimeoutError, urllib.error.URLError, ConnectionError) as failure:
        reason = getattr(failure, "reason", failure)
        why = getattr(reason, "strerror", None) or reason
        raise UnavailableError(f"{url} cannot be reached ({why})") from failure
    except OSError as failure:
        raise UnavailableError(f"it could not be stored ({failure.strerror})") from failure
    return digest.hexdigest()
