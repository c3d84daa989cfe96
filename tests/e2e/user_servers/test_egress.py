"""On real pods, a server reaches the hosts in its list through the egress proxy, and no other."""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from typing import Final

import pytest

from tests.harness import internet_of_pods
from tests.harness.deployed_platform import Platform
from tests.harness.internet_of_pods import MACHINE, PUBLIC, Attempts, Internet, reached
from tests.harness.server import until

ADDRESSES: Final = {
    "api.example.com": PUBLIC,
    "files.example.com": PUBLIC,
    "other.example.com": PUBLIC,
    "inside.example.com": MACHINE,
    "metadata.example.com": "169.254.169.254",
    "kubernetes.example.com": "10.96.0.1",
}

ALLOWED: Final[Attempts] = {
    "by the environment variable": ("url", "https://api.example.com/", None),
    "by CONNECT": ("proxy", "api.example.com:443", "api.example.com"),
}
THROUGH_THE_PROXY: Final[Attempts] = {
    "another name of the same address": ("proxy", "other.example.com:443", "other.example.com"),
    "a name below": ("proxy", "a.api.example.com:443", "a.api.example.com"),
    "the domain above": ("proxy", "example.com:443", "example.com"),
    "the host of another server": ("proxy", "files.example.com:443", "files.example.com"),
    "another port": ("proxy", "api.example.com:8443", "api.example.com"),
    "the port of plain HTTP": ("proxy", "api.example.com:80", "-"),
    "the host's address": ("proxy", f"{PUBLIC}:443", "api.example.com"),
    "the address as a number": (
        "proxy",
        f"{int(ipaddress.ip_address(PUBLIC))}:443",
        "api.example.com",
    ),
    "the address as one of IPv6": ("proxy", f"[::ffff:{PUBLIC}]:443", "api.example.com"),
    "an address of IPv6": ("proxy", "[2001:4860:4860::8888]:443", "api.example.com"),
    "another server name in TLS": ("proxy", "api.example.com:443", "other.example.com"),
    "no server name in TLS": ("proxy", "api.example.com:443", None),
    "no TLS": ("proxy", "api.example.com:443", "-"),
    "a listed name of a private address": ("proxy", "inside.example.com:443", "inside.example.com"),
    "a listed name of the metadata address": (
        "proxy",
        "metadata.example.com:443",
        "metadata.example.com",
    ),
    "a listed name of the API server": (
        "proxy",
        "kubernetes.example.com:443",
        "kubernetes.example.com",
    ),
    "the metadata address": ("proxy", "169.254.169.254:80", "-"),
    "a private address": ("proxy", f"{MACHINE}:443", "api.example.com"),
    "the API server by name": ("proxy", "kubernetes.default.svc:443", "kubernetes"),
    "the API server by address": ("proxy", "10.96.0.1:443", "kubernetes"),
    "the API server on the node": ("proxy", "10.250.0.2:6443", "kubernetes"),
    "another server of the platform": ("proxy", "notes-service:8443", "notes-service"),
}
PAST_THE_PROXY: Final[Attempts] = {
    "the host by name": ("direct", "api.example.com:443", None),
    "the host by address": ("direct", f"{PUBLIC}:443", None),
    "a resolver outside": ("datagram", f"{PUBLIC}:53", None),
    "a resolver outside, over TCP": ("direct", f"{PUBLIC}:53", None),
    "a private address": ("direct", f"{MACHINE}:443", None),
    "the API server by address": ("direct", "10.96.0.1:443", None),
    "the API server on the node": ("direct", "10.250.0.2:6443", None),
}
"""What any pod without a policy reaches."""
NOWHERE: Final[Attempts] = {
    "the metadata address": ("direct", "169.254.169.254:80", None),
    "an address of IPv6": ("direct", "[2001:4860:4860::8888]:443", None),
    "another server of the platform": ("direct", "notes-service:8443", None),
}


@pytest.fixture(scope="module")
def internet(own: Platform, tmp_path_factory: pytest.TempPathFactory) -> Generator[Internet]:
    """The machine as the internet of the node's pods, and names for it in the cluster's DNS."""
    folder = tmp_path_factory.mktemp("authority")
    with internet_of_pods.internet(own, folder, ADDRESSES) as outside:
        yield outside


@pytest.fixture(scope="module")
def free_pod(own: Platform) -> Generator[tuple[str, str]]:
    """The namespace and name of a pod that no policy selects, with the image of weather."""
    (weather,) = own.pods("weather")
    (server,) = (one for one in weather["spec"]["initContainers"] if one["name"] == "server")
    with internet_of_pods.free_pod(own.kubectl, server["image"]) as where:
        yield where


def reached_by_weather(own: Platform, attempts: Attempts) -> set[str]:
    (pod,) = own.pods("weather")
    return reached(own.kubectl, own.namespace, pod["metadata"]["name"], attempts)


def test_a_listed_host_is_reached_through_the_proxy(own: Platform, internet: Internet):
    before = len(internet.names)
    # The pod of the DNS that was replaced may still have told the proxy that there is no such name.
    until(lambda: reached_by_weather(own, ALLOWED) == {*ALLOWED}, 60)
    assert len(internet.names) >= before + len(ALLOWED)
    assert {*internet.names[before:]} == {"api.example.com"}


def test_no_other_host_is_reached_through_the_proxy(own: Platform, internet: Internet):
    before = len(internet.names)
    assert len(THROUGH_THE_PROXY) > 20
    assert reached_by_weather(own, THROUGH_THE_PROXY) == set()
    assert internet.names[before:] == []
    until(lambda: "other.example.com:443" in log_of_the_proxy(own), 30)


def log_of_the_proxy(own: Platform) -> str:
    where = (f"-n={own.namespace}", "deployment/egress-proxy")
    return own.kubectl.must("logs", *where, "--tail=200")


def test_a_server_that_ignores_the_proxy_reaches_nothing(
    own: Platform, internet: Internet, free_pod: tuple[str, str]
):
    assert reached(own.kubectl, *free_pod, PAST_THE_PROXY) == {*PAST_THE_PROXY}
    before = len(internet.names)
    assert reached_by_weather(own, PAST_THE_PROXY | NOWHERE) == set()
    assert internet.names[before:] == []


def test_no_server_connects_to_the_port_of_another_at_the_proxy(own: Platform, internet: Internet):
    del internet
    (notes,) = own.pods("notes")
    (server,) = (one for one in notes["spec"]["initContainers"] if one["name"] == "server")
    (url,) = (one["value"] for one in server["env"] if one["name"] == "HTTPS_PROXY")
    attempt: Attempts = {"port of notes": ("direct", url.removeprefix("http://"), None)}
    assert reached_by_weather(own, attempt) == set()
    where = (own.namespace, notes["metadata"]["name"])
    assert reached(own.kubectl, *where, attempt) == {*attempt}
