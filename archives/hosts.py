"""The function hosts, and the names of their archives, which contain a digest of the sources.

A host runs the reference server or, with `Host.code`, a folder of the user's own.

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
from typing import TYPE_CHECKING

from components.aws.limits import LAMBDA_UNPACKED
from components.base.problems import Problem
from components.base.versions import VERSIONS
from components.mcp.archive import Archive

from .own_code import REQUIREMENTS, OwnCode, TooLarge, modules_of

if TYPE_CHECKING:
    from .own_requirements import Requirements

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / "runtime"
PACKAGE = "qudag_mcp_server"
FOLDER = "out/archives"
"""Folder of the archives, relative to the program's folder: the same path on every machine."""

COMPILER = VERSIONS["python"]["compiler"]
"""CPython that makes the bytecode: one, so that the bytes are the same wherever they are made. A
patch release reads what another of the same minor release has compiled."""

CODE_FOLDER = "server_code"
ENTRY_FILE = "server_code.json"
"""Where an archive has the user's own code, and its entry."""

_BUILD_MODULES = ("hosts.py", "build.py", "import_closure.py")
_OWN_CODE_MODULES = ("own_code.py", "own_libraries.py", "own_requirements.py")
_ON_EVERY_HOST = frozenset({"federation"})
"""Packages that the application imports wherever it runs."""
_SERVER_ONLY = frozenset(
    {
        "__main__",
        "agent_role",
        "audit_chain",
        "audit_check",
        "audit_command",
        "audit_export",
        "audit_keeper",
        "audit_roles",
        "audit_schema",
        "backup",
        "backup_bucket",
        "backup_command",
        "backup_config",
        "backup_errors",
        "backup_exchange",
        "backup_manifest",
        "backup_store",
        "bridge",
        "certificate",
        "config_files",
        "config_forms",
        "connections",
        "elasticsearch_client",
        "elasticsearch_config",
        "elasticsearch_documents",
        "final_scrape",
        "gateway_metrics",
        "gateway_spans",
        "health_check",
        "http_listener",
        "joined_writes",
        "libp2p",
        "kubernetes_manifests",
        "listeners",
        "log_forwarder",
        "log_metrics",
        "log_retention",
        "manifests_command",
        "metrics_port",
        "qudag_join",
        "refused_bodies",
        "restore",
        "restore_drill",
        "schema",
        "self_signed",
        "serve",
        "sockets",
        "stand_in",
        "stored_backups",
        "trace_store_limit",
        "upstream_application",
        "upstream_headers",
        "upstream_proxy",
        "upstream_sessions",
        "volume_archive",
        "volume_backup",
        "volume_command",
        "volume_config",
        "volume_manifest",
        "volume_results",
        "volume_store",
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
        installed: in ``runtime/``, the locked list of what the cloud's build installs.
        largest: bytes that an archive with the user's own code may have when unpacked.
        largest_source: who says so.
        code: the user's own code; None for the reference server.
    """

    name: str
    entries: tuple[str, ...]
    modules: frozenset[str]
    platform: str
    python: str = COMPILER
    libraries: str = ""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    installed: str = ""
    largest: int = 500_000_000
    largest_source: str = "this project's limit; the cloud publishes none"
    code: OwnCode | None = None

    @property
    def requirements(self) -> Path:
        """The file with the locked libraries of this host."""
        return RUNTIME / "hosts" / f"requirements-{self.name}.txt"

    @property
    def command(self) -> str:
        """The command that builds its archive."""
        command = f"qudag-mcp package --host {self.name}"
        if self.code is None:
            return command
        return f"{command} --code {self.code.folder} --entry {self.code.entry}"

    @property
    def environment(self) -> dict[str, str]:
        """Values of environment markers on its machine."""
        from .own_requirements import target_environment

        return target_environment(self.python, self.platform)

    def libraries_of_ours(self) -> dict[str, str]:
        """The locked libraries, with those that the cloud's build installs, and their versions."""
        from .own_requirements import locked

        found = locked(self.requirements, self.environment)
        if self.installed:
            found |= locked(RUNTIME / self.installed, self.environment)
        return found

    def own_requirements(self) -> Requirements:
        """What the folder of the user's own code requires."""
        from .own_requirements import read

        assert self.code is not None
        return read(
            self.code.folder / REQUIREMENTS,
            ours=self.libraries_of_ours(),
            environment=self.environment,
            constraints=self.requirements.relative_to(ROOT).as_posix(),
        )

    def code_problems(self, program: Path) -> list[Problem]:
        """Why the user's own code cannot be packaged, at the paths `code` and `entry`.

        Args:
            program: folder of the stack file.
        """
        assert self.code is not None
        reserved = {
            module: f"the library {library}"
            for library in self.libraries_of_ours()
            for module in modules_of(library)
        }
        reserved |= {entry.partition(".")[0]: "the server" for entry in self.entries}
        reserved |= {PACKAGE: "the server"}
        found = self.code.problems(program, reserved=reserved, largest=self.largest)
        return [
            *(self.size_problem(one.size) if isinstance(one, TooLarge) else one for one in found),
            *self.own_requirements().problems,
        ]

    def size_problem(self, size: int) -> Problem:
        """The problem of an archive that is too large.

        Args:
            size: of its files, in bytes.
        """
        return Problem(
            "code",
            f"has {size / 1e6:.0f} MB, with the libraries that are packaged with it, and at most "
            f"{self.largest / 1e6:.0f} MB are possible when unpacked",
            f"the function could not be created ({self.largest_source})",
            "load large files when they are needed, or run the server as a container",
        )

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
                    *("hosts.bridge", "hosts.hosted_application", "hosts.own_code"),
                    "hosts.streaming",
                    *("stores.aws", "stores.dynamodb", "stores.in_memory"),
                }
            ),
            platform="aarch64-manylinux_2_34",  # Amazon Linux 2023
            files={"stream": "hosts/stream"},
            largest=LAMBDA_UNPACKED.most,
            largest_source=LAMBDA_UNPACKED.source,
        ),
        Host(
            name="gcp-function",
            entries=("main",),
            modules=frozenset(
                {
                    "hosts.gcp_function",
                    "hosts.hosted_application",
                    "hosts.own_code",
                    "stores.firestore",
                    "stores.in_memory",
                }
            ),
            platform="x86_64-manylinux_2_34",  # Ubuntu 22.04 has glibc 2.35
            # The cloud's build installs requirements.txt: the framework, in our versions.
            files={"main.py": "hosts/main.py", "requirements.txt": "hosts/gcp-framework.txt"},
            installed="hosts/gcp-framework.txt",
        ),
        Host(
            name="azure-function",
            entries=("function_app",),
            modules=frozenset(
                {
                    *("hosts.azure_function", "hosts.azure_web", "hosts.hosted_application"),
                    "hosts.own_code",
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
    ours = asdict(replace(host, code=None))
    digest = hashlib.sha256(json.dumps(ours, sort_keys=True, default=sorted).encode())
    makers = [(name, Path(__file__).with_name(name)) for name in _BUILD_MODULES]
    locked = [("requirements", host.requirements)]
    name = host.name
    if host.code is not None:
        digest.update(f"\0{host.code.entry}".encode())
        makers += [(name, Path(__file__).with_name(name)) for name in _OWN_CODE_MODULES]
        locked += [(f"{CODE_FOLDER}/{path}", file) for path, file in host.code.files().items()]
        name += f"-{host.code.label}"
    for source, file in (*makers, *locked, *host.sources()):
        content = file.read_bytes()
        digest.update(f"\0{source}\0{len(content)}\0".encode() + content)
    digits = digest.hexdigest()
    return Archive(path=f"{FOLDER}/{name}-{digits[:16]}.zip", digest=digits)
