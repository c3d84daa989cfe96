"""The function hosts, and the names of their archives, which contain a digest of the sources.

An offline preview needs only the name and the digest. When an engine runs the program, absent
archives are built first.
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
"""Folder of the archives, relative to the program's folder: the same path on every machine."""

COMPILER = VERSIONS["python"]["compiler"]
"""CPython that makes the bytecode: one, so that the bytes are the same wherever they are made. A
patch release reads what another of the same minor release has compiled."""

_BUILD_MODULES = ("hosts.py", "build.py", "import_closure.py")
_ON_EVERY_HOST = frozenset({"federation"})
"""Packages that the application imports wherever it runs."""
_SERVER_ONLY = frozenset(
    {
        "__main__",
        "bridge",
        "certificate",
        "connections",
        "health_check",
        "joined_writes",
        "libp2p",
        "listeners",
        "qudag_join",
        "schema",
        "self_signed",
        "serve",
        "sockets",
        "upstream_application",
        "upstream_headers",
        "upstream_proxy",
        "websocket_connection",
        "whole_lines",
        "worker_link",
        "worker_metrics",
        "worker_probes",
        "worker_process",
        "workers",
    }
)
"""Modules and packages that only `qudag-mcp-server` uses; archives do not contain them."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A function host: what the archive for one cloud's functions contains.

    Attributes:
        name: identifies the host, also in the archive's name.
        entries: modules that the cloud imports or runs by name.
        modules: our modules below ``hosts`` and ``stores`` that this host needs.
        platform: uv's name of the platform, with the oldest glibc. Empty: this machine's.
        python: version of the interpreter that makes the bytecode.
        libraries: folder in the archive that the cloud adds to ``sys.path``.
        files: path in the archive to path in ``runtime/``, for files other than modules.
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
        """The file with the locked libraries of this host."""
        return RUNTIME / "hosts" / f"requirements-{self.name}.txt"

    def sources(self) -> Iterator[tuple[str, Path]]:
        """Our own files: for each the path in the archive and the path on disk."""
        for file in sorted(RUNTIME.rglob("*.py")):
            inside = file.relative_to(RUNTIME)
            module = ".".join(inside.with_suffix("").parts)
            everywhere = len(inside.parts) == 1 or inside.parts[0] in _ON_EVERY_HOST
            ours = module not in _SERVER_ONLY if everywhere else module in self.modules
            package = inside.name == "__init__.py" and inside.parts[0] not in _SERVER_ONLY
            if ours or package:
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
            # The cloud's build installs requirements.txt: the framework, in our versions.
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
    """``host`` for this machine's platform and Python, to run its archive in tests."""
    return replace(host, platform="", python=platform.python_version())


def archive_of(host: Host) -> Archive:
    """Name and digest of the archive of ``host``, whether it is built or not."""
    digest = hashlib.sha256(json.dumps(asdict(host), sort_keys=True, default=sorted).encode())
    makers = [(name, Path(__file__).with_name(name)) for name in _BUILD_MODULES]
    locked = [("requirements", host.requirements)]
    for name, file in (*makers, *locked, *host.sources()):
        content = file.read_bytes()
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    digits = digest.hexdigest()
    return Archive(path=f"{FOLDER}/{host.name}-{digits[:16]}.zip", digest=digits)
