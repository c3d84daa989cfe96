"""nginx.conf: each line that keeps a client safe or a call whole."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.kubernetes.gateway import RateLimit, RateLimits, nginx_conf
from components.mcp.timeout_budget import TimeoutBudget
from tests.harness.minimal_args import gateway

API = ["zone=api burst=20 nodelay", "api_connections 10"]


def conf(**args: Any) -> str:
    return nginx_conf(gateway(**args))


def values(text: str, directive: str) -> list[str]:
    """What stands after ``directive``, each time it is given."""
    return re.findall(rf"^\s*{directive}\s+(.*);$", text, flags=re.MULTILINE)


def location(path: str, **args: Any) -> str:
    """The block of one location of the TLS server."""
    tls = conf(**args).split("listen 8443 ssl;")[1]
    start = tls.index(f"location {path} {{")
    return tls[start : tls.index("}", start)]


@pytest.mark.parametrize(("minimum", "protocols"), [("1.3", "TLSv1.3"), ("1.2", "TLSv1.2 TLSv1.3")])
def test_old_tls_only_by_choice(minimum: str, protocols: str):
    assert values(conf(tls_minimum=minimum), "ssl_protocols") == [protocols]


def test_requests_above_the_limits_are_answered_429():
    text = conf(rate_limits=RateLimits())
    rates = [
        re.sub(r".*zone=(\w+):.* rate=", r"\1 ", zone) for zone in values(text, "limit_req_zone")
    ]
    assert rates == ["api 10r/s", "upload 2r/s", "session_end 600r/m", "websocket 5r/s"]
    assert values(text, "limit_req_status") == values(text, "limit_conn_status") == ["429"]


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        (
            "= /mcp",
            [
                "zone=api burst=20 nodelay",
                "zone=session_end burst=200",
                "zone=upload burst=5 nodelay",
                "api_connections 10",
                "standing_streams 10",
            ],
        ),
        (
            "@chunked",
            [
                "zone=api burst=20 nodelay",
                "zone=session_end burst=200",
                "zone=upload burst=5 nodelay",
                "api_connections 10",
                "standing_streams 10",
            ],
        ),
        ("= /ws", ["zone=websocket burst=10 nodelay", "websocket_connections 5"]),
        (
            "/.well-known/oauth-protected-resource",
            ["zone=api burst=20 nodelay", "api_connections 10"],
        ),
        ("= /health", ["zone=api burst=20 nodelay", "api_connections 10"]),
    ],
)
def test_each_path_has_the_limits_of_its_zone(path: str, limits: list[str]):
    block = location(path, rate_limits=RateLimits())
    assert [*values(block, "limit_req"), *values(block, "limit_conn")] == limits


def test_a_zone_without_a_burst_or_connections_says_nothing_of_them():
    bare = RateLimit(requests_per_second=7, burst=0)
    block = location("= /ws", rate_limits=RateLimits(websocket=bare))
    assert values(block, "limit_req") == ["zone=websocket"]
    assert values(block, "limit_conn") == []


def test_no_limit_where_none_is_asked_for():
    assert "limit_req" not in conf(rate_limits=None)
    assert "limit_conn" not in conf(rate_limits=None)


def test_the_limits_count_by_the_clients_own_address():
    text = conf(rate_limits=RateLimits())
    keys = {
        zone.split()[0]
        for directive in ("limit_req_zone", "limit_conn_zone")
        for zone in values(text, directive)
    }
    for key in keys - {"$client"}:
        chosen = text[text.index(f" {key} {{") :].partition("\n    }")[0]
        assert set(re.findall(r' (""|\$\w+);', chosen)) == {'""', "$client"}
    assert "map $binary_remote_addr $client {" in text


def test_a_tool_call_that_was_sent_is_never_sent_again():
    (when,) = values(conf(), "proxy_next_upstream")
    assert when.split() == ["error", "timeout"]  # non_idempotent would repeat a POST as well


def test_events_reach_the_client_as_they_happen():
    assert values(location("= /mcp"), "proxy_buffering") == ["off"]
    assert values(location("= /mcp"), "gzip") == ["off"]


def test_a_call_may_take_as_long_as_the_longest_tool():
    text = conf(budget=TimeoutBudget(longest_tool=300))
    assert int(values(text, "proxy_read_timeout")[0].removesuffix("s")) > 300


@pytest.mark.parametrize("longest", [1, 300])
def test_a_websocket_on_which_nothing_happens_outlives_two_pings(longest: int):
    block = location("= /ws", budget=TimeoutBudget(longest_tool=longest))
    assert int(values(block, "proxy_read_timeout")[0].removesuffix("s")) >= max(45, longest)


def test_the_certificate_of_the_server_behind_is_verified():
    text = conf()
    assert values(text, "proxy_ssl_verify") == ["on"]
    assert values(text, "proxy_ssl_name") == ["mcp-core-service"]
    assert values(text, "proxy_ssl_trusted_certificate") == ["/etc/internal-ca/ca.crt"]


def test_a_client_cannot_say_who_it_is_instead_of_its_address():
    assert "X-Forwarded-For $remote_addr" in values(conf(), "proxy_set_header")


def test_plain_http_is_sent_to_tls_at_the_platforms_own_name():
    assert values(conf(), "return")[2] == "308 https://mcp.example.com$request_uri"
    assert values(conf(domain=None), "return")[2] == "308 https://$host$request_uri"


@pytest.mark.parametrize(
    "path", ["= /mcp", "/.well-known/oauth-protected-resource", "= /health", "= /ws"]
)
def test_mcp_paths_are_forwarded_to_the_upstream(path: str):
    assert values(location(path), "proxy_pass") == ["https://mcp"]


def test_other_paths_are_answered_404():
    assert values(location("/"), "return") == ["404"]
    assert conf().count("proxy_pass ") == 4
    assert conf(rate_limits=RateLimits()).count("proxy_pass https://mcp;") == 5


def test_the_largest_request_is_what_was_asked_for():
    assert values(conf(max_body="3m"), "client_max_body_size") == ["3m"]


def test_responses_have_hsts_and_frame_options_headers():
    headers = " ".join(values(conf(), "add_header"))
    for name in ("Strict-Transport-Security", "X-Frame-Options", "X-Content-Type-Options"):
        assert name in headers


def test_everything_that_nginx_writes_is_under_tmp():
    text = conf()
    written = [value for name in ("pid", r"\w+_temp_path") for value in values(text, name)]
    assert len(written) == 6
    assert all(path.startswith("/tmp/") for path in written)
