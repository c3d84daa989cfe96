"""The rules about pods: the controls of the Pod Security Standards, baseline and restricted."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import Rule

_STANDARDS: Final = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
_BASELINE: Final = f"{_STANDARDS}#baseline"
_RESTRICTED: Final = f"{_STANDARDS}#restricted"


def _rule(number: int, severity: Severity, reference: str, refuses: str, fix: str) -> Rule:
    return Rule(
        id=f"k8s-pod-{number:03}",
        severity=severity,
        reference=reference,
        refuses=refuses,
        fix=fix,
    )


PRIVILEGED: Final = _rule(
    1, Severity.CRITICAL, _BASELINE, "a privileged container", "leave privileged out"
)
HOST_NAMESPACES: Final = _rule(
    2,
    Severity.HIGH,
    _BASELINE,
    "a pod in the network, the process table or the memory of its node",
    "leave hostNetwork, hostPID and hostIPC out",
)
HOST_PORTS: Final = _rule(
    3,
    Severity.HIGH,
    _BASELINE,
    "a container that takes a port of its node",
    "leave hostPort out, and use a Service",
)
HOST_PATHS: Final = _rule(
    4,
    Severity.HIGH,
    _BASELINE,
    "a pod that mounts a directory of its node, other than to read log files alone",
    "use a PersistentVolumeClaim, an emptyDir or a ConfigMap",
)
NODE_TAKEN: Final = _rule(
    5,
    Severity.CRITICAL,
    _BASELINE,
    "a pod that mounts the root, the container runtime or the kubelet of its node",
    "leave the volume out",
)
CAPABILITIES: Final = _rule(
    6,
    Severity.HIGH,
    _BASELINE,
    "a capability of the kernel beyond those that containers have by default",
    "leave it out of capabilities.add",
)
HOST_PROCESS: Final = _rule(
    7,
    Severity.CRITICAL,
    _BASELINE,
    "a container of Windows that is a process of its node",
    "leave hostProcess out",
)
PROC_MOUNT: Final = _rule(
    8, Severity.HIGH, _BASELINE, "a container that sees all of /proc", "leave procMount out"
)
SYSCTLS: Final = _rule(
    9,
    Severity.HIGH,
    _BASELINE,
    "a parameter of the kernel that reaches beyond the pod",
    "leave the sysctl out, or set it on the node",
)
UNCONFINED: Final = _rule(
    10,
    Severity.HIGH,
    _BASELINE,
    "a container whose seccomp, AppArmor or SELinux profile is switched off or replaced",
    "write RuntimeDefault, or leave it out",
)
ESCALATION: Final = _rule(
    11,
    Severity.MEDIUM,
    _RESTRICTED,
    "a container whose processes may gain privileges, by setuid for example",
    "set allowPrivilegeEscalation to false",
)
ROOT: Final = _rule(
    12,
    Severity.MEDIUM,
    _RESTRICTED,
    "a container that is, or may be, root",
    "set runAsNonRoot to true, and runAsUser to another number than 0 or leave it out",
)
KEPT_CAPABILITIES: Final = _rule(
    13,
    Severity.MEDIUM,
    _RESTRICTED,
    "a container that keeps capabilities of the kernel",
    "set capabilities.drop to [ALL], and add NET_BIND_SERVICE at most",
)
NO_SECCOMP: Final = _rule(
    14,
    Severity.MEDIUM,
    _RESTRICTED,
    "a container without a seccomp profile",
    "set seccompProfile.type to RuntimeDefault",
)
VOLUMES: Final = _rule(
    15,
    Severity.MEDIUM,
    _RESTRICTED,
    "a volume of a type that reaches the node or another server directly",
    "use a PersistentVolumeClaim, csi or ephemeral volume",
)
PROBED_HOST: Final = _rule(
    16,
    Severity.MEDIUM,
    _BASELINE,
    "a probe or a hook that has the kubelet call another host",
    "leave host out",
)

POD_RULES: Final = (
    *(PRIVILEGED, HOST_NAMESPACES, HOST_PORTS, HOST_PATHS, NODE_TAKEN, CAPABILITIES),
    *(HOST_PROCESS, PROC_MOUNT, SYSCTLS, UNCONFINED, ESCALATION, ROOT, KEPT_CAPABILITIES),
    *(NO_SECCOMP, VOLUMES, PROBED_HOST),
)

DEFAULT_CAPABILITIES: Final = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
SAFE_SYSCTLS: Final = frozenset(
    {
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range"),
        *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies"),
        *("net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout"),
        *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
        *("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    }
)
VOLUME_TYPES: Final = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
        *("persistentVolumeClaim", "projected", "secret", "image"),
    }
)
SELINUX_TYPES: Final = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
NODE_PATHS: Final = (
    *("/", "/etc", "/root", "/proc", "/sys", "/dev", "/boot", "/var", "/var/run", "/run"),
    *("/var/run/docker.sock", "/run/docker.sock", "/var/lib/docker", "/var/lib/containerd"),
    *("/run/containerd", "/var/run/containerd", "/run/crio", "/var/run/crio"),
    *("/var/lib/kubelet", "/etc/kubernetes", "/home", "/var/lib"),
)
"""Directories of a node from which the rest of it can be taken."""
