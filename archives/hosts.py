"""The archives that functions run: named by what their bytes follow from, made when needed.

A preview without an engine knows an archive's name and digest and opens no byte of it; with one,
the program makes what is absent before the engine asks for it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from components.base.versions import VERSIONS
from components.mcp.archive import Archive

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / "runtime"
PACKAGE = "qudag_mcp_server"
FOLDER = "out/archives"
"""Where archives are kept, below the program's folder: one path on every machine."""

COMPILER = VERSIONS["python"]["compiler"]
"""CPython that makes the bytecode: one, so that the bytes are the same wherever they are made. A
patch release reads what another of the same minor release has compiled."""

_MAKERS = ("hosts.py", "build.py", "import_closure.py")
_OF_A_SERVER = frozenset(
    {"__main__", "certificate", "libp2p", "qudag_join", "schema", "serve", "sockets"}
)
"""Modules that only a process of our own needs, not one that a cloud began."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a function of one cloud is started with.

    Attributes:
        name: tells hosts apart, in the name of the archive too.
        entries: modules that the cloud imports or runs by name.
        modules: of ours below ``hosts`` and ``stores``, those that are for this host.
        platform: as uv names it; an archive runs where glibc is that new. Empty: this machine's.
        python: version of the interpreter that makes the bytecode.
        libraries: folder in the archive that the cloud puts on ``sys.path`` beside its root.
        files: where a file of ``runtime/`` goes in the archive.
    """

    name: str
    entries: tuple[str, ...]
    modules: frozenset[str]
    platform: str
    python: str = COMPILER
    libraries: str = ""
    files: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def requirements(self) -> Path:
        """The locked list of its libraries."""
        return RUNTIME / "hosts" / f"requirements-{self.name}.txt"

    def sources(self) -> Iterator[tuple[str, Path]]:
        """Our own files: where each goes in the archive, and where it is."""
        for file in sorted(RUNTIME.rglob("*.py")):
            inside = file.relative_to(RUNTIME)
            module = ".".join(inside.with_suffix("").parts)
            ours = module not in _OF_A_SERVER if len(inside.parts) == 1 else module in self.modules
            if ours or inside.name == "__init__.py":
                yield f"{PACKAGE}/{inside.as_posix()}", file
        for name, source in self.files.items():
            yield name, RUNTIME / source


HOSTS: Mapping[str, Host] = {
    host.name: host
    for host in (
        Host(
            name="aws-lambda",
            entries=(f"{PACKAGE}.hosts.aws_lambda", f"{PACKAGE}.hosts.streaming"),
            modules=frozenset(
                {
                    *("hosts.aws_invocation", "hosts.aws_lambda", "hosts.aws_websocket"),
                    *("hosts.bridge", "hosts.hosted_application", "hosts.streaming"),
                    *("stores.aws", "stores.dynamodb", "stores.in_memory"),
                }
            ),
            platform="aarch64-manylinux_2_34",  # Amazon Linux 2023
            files={"stream": "hosts/stream"},
        ),
        Host(
            name="gcp-function",
            entries=("main",),
            modules=frozenset(
                {
                    "hosts.gcp_function",
                    "hosts.hosted_application",
                    "stores.firestore",
                    "stores.in_memory",
                }
            ),
            platform="x86_64-manylinux_2_34",  # Ubuntu 22.04 has glibc 2.35
            # Its build installs what requirements.txt lists: the framework, in our versions.
            files={"main.py": "hosts/main.py", "requirements.txt": "hosts/gcp-framework.txt"},
        ),
        Host(
            name="azure-function",
            entries=("function_app",),
            modules=frozenset(
                {
                    *("hosts.azure_function", "hosts.azure_web", "hosts.hosted_application"),
                    *("stores.azure_tables", "stores.in_memory"),
                }
            ),
            platform="x86_64-manylinux_2_34",  # Debian 12 has glibc 2.36
            libraries=".python_packages/lib/site-packages",
            files={"function_app.py": "hosts/function_app.py", "host.json": "hosts/host.json"},
        ),
    )
}


def native(host: Host) -> Host:
    """``host`` as it would be on this machine, to be tried there."""
    return replace(host, platform="", python=platform.python_version())


def archive_of(host: Host) -> Archive:
    """The archive of ``host``, whether it has been made or not."""
    digest = hashlib.sha256(json.dumps(asdict(host), sort_keys=True, default=sorted).encode())
    makers = [(name, Path(__file__).with_name(name)) for name in _MAKERS]
    locked = [("requirements", host.requirements)]
    for name, file in (*makers, *locked, *host.sources()):
        content = file.read_bytes()
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    digits = digest.hexdigest()
    return Archive(path=f"{FOLDER}/{host.name}-{digits[:16]}.zip", digest=digits)
