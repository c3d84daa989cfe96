"""Builds and caches the layers of an image: a Debian base, packages, added files."""

import hashlib
import json
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from making import RECIPES, NotMade, Places, make, run, step

BASE, PACKAGES = "debian-base.sh", "packages.sh"


class Layer(TypedDict):
    """A layer as an image manifest describes it."""

    mediaType: str
    digest: str
    size: int


@dataclass(frozen=True)
class Packages:
    """The content of a package layer: Debian packages, pip packages, a requirements file's text."""

    debian: tuple[str, ...]
    pip: tuple[str, ...]
    requirements: str

    def __bool__(self) -> bool:
        return bool(self.debian or self.pip or self.requirements)

    def with_python(self) -> "Packages":
        wanted = self.pip or self.requirements
        if not wanted or any(x.startswith("python3") for x in self.debian):
            return self
        return Packages((*self.debian, "python3"), self.pip, self.requirements)


def replace(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.rename(path)


def blob(at: Places, source: bytes | Path) -> tuple[str, int]:
    """Store bytes or a file under its digest; returns digest and size."""
    folder = at.store / "blobs" / "sha256"
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, bytes):
        handle, name = tempfile.mkstemp(dir=at.store)
        with os.fdopen(handle, "wb") as out:
            out.write(source)
        source = Path(name)
    with source.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    size = source.stat().st_size
    source.rename(folder / digest)
    return f"sha256:{digest}", size


def layer(at: Places, fill: Callable[[tarfile.TarFile], None]) -> Layer:
    handle, path = tempfile.mkstemp(dir=at.store)
    os.close(handle)
    try:
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            fill(tar)
        digest, size = blob(at, Path(path))
    finally:
        Path(path).unlink(missing_ok=True)
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": size}


def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove times and owners, so that the same content gives the same digest."""
    info.mtime, info.uname, info.gname = 0, "", ""
    return info


def tree(tar: tarfile.TarFile, top: Path, skip: Iterable[str] = ()) -> None:
    """Add a folder's content; overlayfs whiteouts become those of the image format."""
    for folder, dirs, files in os.walk(top):
        dirs.sort()
        inside = os.path.relpath(folder, top)
        for entry in sorted(dirs + files):
            path, name = f"{folder}/{entry}", os.path.normpath(f"{inside}/{entry}")
            mode = os.lstat(path)
            if stat.S_ISSOCK(mode.st_mode) or name in skip:
                continue
            if stat.S_ISCHR(mode.st_mode) and mode.st_rdev == 0:
                tar.addfile(tarfile.TarInfo(os.path.normpath(f"{inside}/.wh.{entry}")))
                continue
            tar.add(path, name, recursive=False, filter=plain)
            if stat.S_ISDIR(mode.st_mode) and "trusted.overlay.opaque" in os.listxattr(path):
                tar.addfile(tarfile.TarInfo(name + "/.wh..wh..opq"))


def text(recipe: str) -> str:
    return (RECIPES / recipe).read_text()


def short(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def cached(at: Places, key: str, make_layer: Callable[[], Layer]) -> Layer:
    """Return the cached layer with this key, or make it; descriptors are kept with the blobs."""
    path = at.store / "layers" / f"{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, json.dumps(make_layer()).encode())
    return json.loads(path.read_text())


def base_layer(at: Places) -> tuple[Layer, Path]:
    """The layer with minimal Debian 13, and its folder, on which package layers are built."""
    rootfs = at.cache / "debian"

    def make_base() -> Layer:
        step("making the Debian base (about 40 s)")
        shutil.rmtree(rootfs, ignore_errors=True)
        keyring = at.debroot / "usr/share/keyrings/debian-archive-keyring.gpg"
        make(at, "the Debian base", BASE, str(rootfs), str(keyring))
        # the container runtime creates devices
        made = layer(
            at, lambda tar: tree(tar, rootfs, {f"dev/{n}" for n in os.listdir(rootfs / "dev")})
        )
        step("made the Debian base")
        return made

    return cached(at, f"debian-{short(text(BASE))}", make_base), rootfs


def package_layer(at: Places, rootfs: Path, asked: Packages) -> Layer:
    packages = asked.with_python()
    key = short(
        text(BASE),
        text(PACKAGES),
        *sorted(packages.debian),
        "--",
        *sorted(packages.pip),
        "--",
        packages.requirements,
    )

    def make_packages() -> Layer:
        names = [*packages.debian, *packages.pip]
        title = (
            "packages "
            + " ".join(names[:4])
            + (" …" if len(names) > 4 or packages.requirements else "")
        )
        step(f"installing {title}")
        work = Path(tempfile.mkdtemp(dir=at.cache))
        try:
            for folder in ("upper", "work", "root"):
                (work / folder).mkdir()
            (work / "upper").chmod(0o755)
            (work / "requirements.txt").write_text(packages.requirements)
            debian, pips = " ".join(packages.debian), " ".join(packages.pip)
            folders = (str(rootfs), str(work), f"{at.cache}/packages")
            make(at, f"packages {key}", PACKAGES, *folders, debian, pips)
            made = layer(at, lambda tar: tree(tar, work / "upper"))
        finally:
            shutil.rmtree(work)
        step(f"installed {title}")
        return made

    return cached(at, f"packages-{key}", make_packages)


def cargo_layer(at: Places, crate: str) -> Layer:
    """The layer with a released crate's programs in /usr/local/bin, built with its lock file.

    They need a C library that is not older than this machine's; Debian 13 has 2.41.
    """

    def build() -> Layer:
        if shutil.which("cargo") is None:
            raise NotMade(
                f"no cargo on PATH, which builds {crate}", "install Rust: https://rustup.rs"
            )
        step(f"building {crate} (several minutes)")
        root = at.cache / "cargo" / crate  # an interrupted build continues from here
        folders = ("--root", str(root), "--target-dir", str(root / "target"))
        run(at, f"crate {crate}", ["cargo", "install", crate, "--locked", *folders])
        made = added_layer(at, [(str(root / "bin"), "/usr/local/bin")])
        shutil.rmtree(root)
        step(f"built {crate}")
        return made

    return cached(at, f"cargo-{short(crate)}", build)


def added_layer(at: Places, pairs: Iterable[tuple[str, str]]) -> Layer:
    """The layer with files and folders of this machine, owned by root; pairs of source and path."""

    def owned(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if Path(info.name).name == "__pycache__":
            return None
        info.uid = info.gid = 0
        return plain(info)

    def fill(tar: tarfile.TarFile) -> None:
        for source, place in pairs:
            target = place.strip("/")
            parts = target.split("/") if target else []
            for i in range(1, len(parts)):
                parent = tarfile.TarInfo("/".join(parts[:i]))
                parent.type, parent.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(parent)
            if target:
                tar.add(source, target, filter=owned)
            else:
                for entry in sorted(os.listdir(source)):
                    tar.add(f"{source}/{entry}", entry, filter=owned)

    return layer(at, fill)
