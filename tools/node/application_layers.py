"""Builds the layers of applications from npm and PyPI, as their lock files say."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layers import Layer, added_layer, cached, short
from making import NotMade, Places, run, step

PYTHON = "3.13"
"""The Python of Debian 13."""
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in range(41, 16, -1)), "manylinux2014_x86_64", "any")
"""Wheels for its C library, 2.41, and for older ones (PEP 600)."""
LOCK = ("package.json", "package-lock.json")


@contextmanager
def work_folder(at: Places) -> Iterator[Path]:
    """An empty folder in the cache, readable by all, deleted afterwards."""
    work = Path(tempfile.mkdtemp(dir=at.cache))
    try:
        work.chmod(0o755)
        yield work
    finally:
        shutil.rmtree(work)


def npm_layer(at: Places, folder: str, place: str) -> Layer:
    """The layer with the packages of the folder's package-lock.json in ``place``/node_modules."""
    source = Path(folder)
    if missing := [name for name in LOCK if not (source / name).is_file()]:
        raise NotMade(f"no {missing[0]} in {folder}", "npm install --package-lock-only")
    if shutil.which("npm") is None:
        raise NotMade(f"no npm on PATH, which installs {folder}", "install Node.js")

    def install() -> Layer:
        step(f"installing the npm packages of {source.name}")
        with work_folder(at) as work:
            for name in LOCK:
                shutil.copyfile(source / name, work / name)
            options = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
            target = ("--os=linux", "--cpu=x64", "--libc=glibc")
            command = ["npm", "ci", "--prefix", str(work), *options, *target]
            run(at, f"npm packages of {source.name}", command)
            made = added_layer(at, [(str(work), place)])
        step(f"installed the npm packages of {source.name}")
        return made

    return cached(at, f"npm-{short(place, *((source / name).read_text() for name in LOCK))}", install)


def venv_layer(at: Places, requirements: str, place: str) -> Layer:
    """The layer with a Python environment in ``place`` that has these requirements."""
    source = Path(requirements)
    if not source.is_file():
        raise NotMade(f"no file {requirements}", "write requirements with hashes")

    def install() -> Layer:
        step(f"installing the requirements of {place}")
        with work_folder(at) as work:
            packages = work / "lib" / f"python{PYTHON}" / "site-packages"
            platforms = [f"--platform={platform}" for platform in PLATFORMS]
            wheels = ["--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp"]
            exactly = ["--require-hashes", "--no-deps", "--no-compile", "--requirement", str(source)]
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
            target = ["--root-user-action=ignore", "--disable-pip-version-check"]
            command = [*pip, *target, f"--target={packages}", *platforms, *wheels, *exactly]
            run(at, f"requirements of {place.strip('/').replace('/', '-')}", command)
            as_environment(work, packages, place)
            made = added_layer(at, [(str(work), place)])
        step(f"installed the requirements of {place}")
        return made

    return cached(at, f"venv-{short(place, PYTHON, source.read_text())}", install)


def as_environment(work: Path, packages: Path, place: str) -> None:
    """Add what makes a folder of packages an environment: its Python, and its programs."""
    (work / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    programs = work / "bin"
    (packages / "bin").rename(programs) if (packages / "bin").exists() else programs.mkdir()
    for program in programs.iterdir():
        first, _, rest = program.read_text().partition("\n")
        if first.startswith("#!"):
            program.write_text(f"#!{place}/bin/python3\n{rest}")
    (programs / "python3").symlink_to("/usr/bin/python3")
