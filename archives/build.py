"""Builds a function's archive from our sources, their imports and bytecode, reproducibly."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.base.problems import Problem, ProblemReport
from components.mcp.archive import Archive

from .hosts import ROOT, Host
from .import_closure import Modules
from .own_code import OwnCode
from .own_libraries import KEPT_METADATA, add_libraries, compile_problems, lay_out, packaged

HIDDEN_IMPORTS: Mapping[str, Sequence[str]] = {
    # imported by a name that is computed at run time
    "anyio._core._eventloop": ["anyio._backends._asyncio"],
    # loaded through entry points
    "opentelemetry.context": ["opentelemetry.context.contextvars_context"],
    "opentelemetry.propagate": [
        "opentelemetry.baggage.propagation",
        "opentelemetry.trace.propagation.tracecontext",
    ],
}
"""Imports that cannot be seen in a module's source, by module."""

_FILE_TIME = (1980, 1, 1, 0, 0, 0)
_NO_DATA = frozenset({".py", ".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".typed", ".so"})

_COMPILE = """
import importlib._bootstrap_external as bootstrap, json, sys
from importlib.util import source_hash
from pathlib import Path
failed = {}
for line in sys.stdin:
    source = Path(line.rstrip("\\n"))
    content = source.read_bytes()
    try:
        code = compile(content, str(source), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        failed[str(source)] = str(error)
        continue
    cached = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(bootstrap._code_to_hash_pyc(code, source_hash(content), checked=False))
print(json.dumps(failed))
"""
"""Compiles to unchecked hash-based bytecode (PEP 552), which contains no file times."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of an archive in MB (1,000,000 bytes), the unit of the clouds' limits."""

    host: str
    zipped: float
    unzipped: float
    files: int

    @classmethod
    def of(cls, host: str, archive: Path) -> Size:
        with zipfile.ZipFile(archive) as zipped:
            entries = zipped.infolist()
        return cls(
            host=host,
            zipped=archive.stat().st_size / 1e6,
            unzipped=sum(entry.file_size for entry in entries) / 1e6,
            files=len(entries),
        )


def build(host: Host, archive: Archive) -> Path:
    """Build ``archive`` if its file does not exist, atomically; returns the file.

    Raises:
        ProblemReport: the libraries or the Python compiler cannot be downloaded.
    """
    target = ROOT / archive.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in target.parent.glob("new-*"):  # left by a killed build
            shutil.rmtree(left, ignore_errors=True)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent, prefix="new-") as folder:
                make(host, Path(folder)).replace(target)
    return target


def make(host: Host, folder: Path) -> Path:
    """Build the archive of ``host`` in the empty ``folder``; raises as ``build`` does."""
    libraries, tree = folder / "libraries", folder / "tree"
    _fetch(host, libraries)
    if host.code is not None:
        _add_own_libraries(host, host.code, libraries, folder / "own")
    _lay_out(host, libraries, tree)
    failed = _compile(host, tree)
    if host.code is not None:
        _refuse(host, compile_problems(failed))
    elif failed:
        raise AssertionError(f"modules that cannot be compiled: {failed}")
    if host.code is not None:
        size = sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())
        _refuse(host, [host.size_problem(size)] if size > host.largest else [])
    return write(tree, folder / "archive.zip")


def _add_own_libraries(host: Host, code: OwnCode, libraries: Path, work: Path) -> None:
    def install(target: Path, listed: Path, options: Sequence[str]) -> None:
        _install(host, target, listed, options)

    try:
        add_libraries(host, code, libraries, work, install)
    except ProblemReport as report:
        _refuse(host, report.problems)


def _refuse(host: Host, problems: Sequence[Problem]) -> None:
    """Raise the problems of the user's own code, if there are any, with the archive's name."""
    if problems:
        raise ProblemReport(
            replace(problem, path=f"archive {host.name} ({problem.path})")
            if problem.path in ("code", "entry")
            else problem
            for problem in problems
        )


def _lay_out(host: Host, fetched: Path, tree: Path) -> None:
    """Copy all files of the archive to their places below ``tree``."""
    ours = dict(host.sources())
    for name, source in ours.items():
        _copy(source, tree / name)
        if name.endswith(".py"):
            _copy(source, fetched / name)  # with the libraries, to compute imports
    if host.code is not None:
        lay_out(host.code, tree)
    files = kept(fetched, host.entries) if host.code is None else packaged(fetched)
    for file in files:
        inside = file.relative_to(fetched)
        if inside.as_posix() not in ours:
            _copy(file, tree / host.libraries / inside)


def kept(libraries: Path, entries: Sequence[str]) -> Iterator[Path]:
    """The files below ``libraries`` that ``entries`` import, with their packages' data files."""
    modules = Modules(libraries)
    reached = modules.closure(entries, HIDDEN_IMPORTS)
    files = {modules.files[name] for name in reached}
    yield from files
    packages = {file.parent for file in files if file.name == "__init__.py"}
    named = {file.relative_to(libraries).parts[0] for file in files}
    for file in libraries.rglob("*"):
        top = file.relative_to(libraries).parts[0]
        if not file.is_file():
            continue
        if top.endswith(".dist-info"):
            distribution = libraries / top
            inside = file.relative_to(distribution).as_posix()
            if inside.startswith(KEPT_METADATA) and _holds(distribution, named):
                yield file
        elif top.endswith(".libs"):  # shared libraries that auditwheel added
            if top.removesuffix(".libs") in named:
                yield file
        elif file.suffix not in _NO_DATA and any(p in packages for p in file.parents):
            yield file


def _holds(distribution: Path, named: set[str]) -> bool:
    """Whether the distribution contains one of these packages."""
    record = (distribution / "RECORD").read_text().splitlines()
    return any(line.partition(",")[0].partition("/")[0] in named for line in record)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if source.suffix == "" and source.read_bytes()[:2] == b"#!":
        target.chmod(0o755)  # a program that the cloud starts


def write(tree: Path, target: Path) -> Path:
    """Zip all files below ``tree``; the bytes depend only on their names and contents."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(tree.rglob("*"), key=lambda f: f.relative_to(tree).as_posix()):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), _FILE_TIME)
                entry.create_system = 3  # Unix: other systems ignore modes
                mode = 0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644
                entry.external_attr = (stat.S_IFREG | mode) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                zipped.writestr(
                    entry, file.read_bytes(), compresslevel=6
                )  # level 9 takes three times as long and saves 0.1 MB
    return target


def _fetch(host: Host, target: Path) -> None:
    """Install the locked libraries for the host's platform, from wheels only."""
    _install(host, target, host.requirements, ["--require-hashes"])


def _install(host: Host, target: Path, requirements: Path, options: Sequence[str]) -> None:
    command = ["pip", "install", "--target", target, "--python-version", host.python, "--no-deps"]
    command += ["--python-platform", host.platform] if host.platform else []
    command += ["--only-binary", ":all:", *options, "--requirements", requirements]
    if run_uv([*command, "--offline"]).returncode != 0:  # what uv's cache has needs no network
        _uv(host, command, "its libraries cannot be fetched")


def _compile(host: Host, tree: Path) -> dict[str, str]:
    """Compile all modules below ``tree``; what the compiler says of those that are not Python."""
    python = interpreter(host)
    sources = sorted(str(file.relative_to(tree)) for file in tree.rglob("*.py"))
    done = subprocess.run(
        [python, "-s", "-S", "-P", "-c", _COMPILE],
        input="".join(f"{source}\n" for source in sources),
        cwd=tree,
        # The hash seed determines the order of sets, and so the bytes of constants.
        env={"PYTHONHASHSEED": "0", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def interpreter(host: Host) -> str:
    """The CPython that compiles for ``host``; downloaded by uv if it is not installed."""
    if host.python == platform.python_version():
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions", host.python)
    if (program := pyenv / "bin" / "python3").exists():  # uv looks on PATH and in its own folder
        return str(program)
    find = ["python", "find", "--no-project", f"cpython@{host.python}"]
    if run_uv(find).returncode != 0:
        wanted = ["python", "install", f"cpython@{host.python}"]
        _uv(host, wanted, f"there is no CPython {host.python} to compile its modules with")
    return run_uv(find).stdout.strip()


def _uv(host: Host, command: Sequence[str | Path], what: str) -> None:
    done = run_uv(command)
    if done.returncode != 0:
        # Its first line of an error says what failed; causes and hints follow, each wrapped.
        said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        why = said[0].removeprefix("error: ") if said else f"uv ended with {done.returncode}"
        raise ProblemReport(
            [
                Problem(
                    f"archive {host.name}",
                    f"{what}: {why}",
                    "the function would have no code to run",
                    f"check the network, then: {host.command}",
                )
            ]
        )


def run_uv(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run the uv of this project's virtual environment."""
    from uv import find_uv_bin

    return subprocess.run(
        [find_uv_bin(), *map(str, command)], capture_output=True, text=True, check=False
    )
