"""Sends datagrams between network namespaces that are joined like the pods of the local node.

A program: it runs as root in a network namespace of its own, with the nft tables on stdin, and
prints the messages that were sent and those that the target and the node received.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

PORT = 9999
NODE = "10.244.0.254"
PODS = {"denied": 1, "target": 2, "friend": 3, "unknown": 4, "free": 5}
"""The pods by name, each with the last byte of its addresses."""
LAST = "last"


def address(pod: str) -> str:
    return f"10.244.0.{PODS[pod]}"


def ran(line: str) -> None:
    subprocess.run(line.split(), check=True)


def enter(space: str) -> None:
    """Move this process to the network namespace."""
    with open(f"/run/netns/{space}") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def join(pod: str) -> None:
    number = PODS[pod]
    ran(f"ip netns add {pod}")
    ran(f"ip link add {pod} type veth peer name eth0 netns {pod}")
    ran(f"ip link set {pod} master cni0 up")
    for line in (
        f"addr add {address(pod)}/16 dev eth0",
        f"addr add fe80::{number}/64 dev eth0 nodad",
        "link set lo up",
        "link set eth0 up",
    ):
        ran(f"ip -n {pod} {line}")


def build() -> None:
    ran("ip link add cni0 type bridge")
    ran(f"ip addr add {NODE}/16 dev cni0")
    ran("ip addr add fe80::254/64 dev cni0 nodad")
    ran("ip link set cni0 up")
    for pod in PODS:
        join(pod)
    # A pod that pretends to be the one that may reach the target.
    ran(f"ip -n denied addr add {address('friend')}/32 dev eth0")


def listener(space: str | None) -> socket.socket:
    """A socket in the namespace that receives every datagram of both families."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    if space:
        enter(space)
    received = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    received.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    received.bind(("::", PORT))
    received.settimeout(10)
    ctypes.CDLL(None).setns(before, 0)
    os.close(before)
    return received


def destinations(pod: str, target: str, local: str) -> Iterator[tuple[str, str, str]]:
    """Each way from the pod to the target: its name, an own address and the address to send to."""
    yield "IPv4", address(pod), target
    yield "broadcast in the subnet", address(pod), "10.244.255.255"
    yield "broadcast", address(pod), "255.255.255.255"
    yield "multicast", address(pod), "224.0.0.1"
    yield "link-local IPv6", f"fe80::{PODS[pod]}", local
    yield "multicast IPv6", f"fe80::{PODS[pod]}", "ff02::1"
    if pod == "denied":
        yield "address of another pod", address("friend"), target


def send(space: str, own: str, to: str, message: str) -> None:
    child = os.fork()
    if not child:
        enter(space)
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        scope = (0, socket.if_nametoindex("eth0")) if ":" in to else ()
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            if family == socket.AF_INET:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                at = socket.inet_aton(own)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, at)
            sender.bind((own, 0, *scope))
            try:
                sender.sendto(message.encode(), (to, PORT, *scope))
            except OSError:
                os._exit(0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, message


def heard(receiver: socket.socket) -> list[str]:
    """The messages up to the last one, which is sent after all others on a path that is allowed."""
    found: list[str] = []
    while not found or found[-1] != LAST:
        found.append(receiver.recv(1000).decode())
    return found


def main() -> None:
    build()
    target, node = listener("target"), listener(None)
    libraries = {"LD_LIBRARY_PATH": os.environ["NFT_LIBRARIES"]}
    subprocess.run([os.environ["NFT"], "-f", "-"], stdin=sys.stdin, env=libraries, check=True)
    sent: list[str] = []
    for pod in ("denied", "free", "unknown"):
        for name, to, local in (
            ("target", address("target"), "fe80::2"),
            ("node", NODE, "fe80::254"),
        ):
            for way, own, at in destinations(pod, to, local):
                sent.append(f"{pod}: {way} to the {name}")
                send(pod, own, at, sent[-1])
    send("friend", address("friend"), address("target"), LAST)
    send("free", address("free"), NODE, LAST)
    print(json.dumps({"sent": sent, "target": heard(target), "node": heard(node)}))


if __name__ == "__main__":
    main()
