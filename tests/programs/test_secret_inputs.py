"""Every secret that a stack can name or a program is given is one that the tests plant."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from components.clouds import CLOUDS
from delivery.cli import app
from graph.resource_graph import ResourceGraph
from stacks.config.validation import validate
from stacks.topologies import TOPOLOGIES
from tests.harness import canary_stack
from tests.harness.canaries import Canary, leaks
from tests.harness.secret_fields import Field, secret_fields, values_at, with_value
from tests.harness.secret_inputs import secret_inputs
from tests.harness.stacks import stack
from tests.harness.user_servers import NETWORK, every_field, recorded
from tests.invalid.cases import changed

OUTSIDE: Final = {"host": "data.example.com", "networks": ["10.30.128.0/24"]}
KEYS: Final = {
    "password": {"secret": "data", "key": "password"},
    "ca": {"secret": "data", "key": "ca.crt"},
}
REPLICAS: Final = {
    **canary_stack.CONFIG,
    "data": {**canary_stack.CONFIG["data"], "valkey": {"replicas": 3, "exporter": True}},
}
TOLD: Final = {"secret": "alert-receivers", "key": "value"}
SECTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "every program": canary_stack.CONFIG,
    "replicas of Valkey": REPLICAS,
    "stores outside": {
        "topology": "microservices",
        "network": NETWORK,
        "data": {
            "kind": "external",
            "external": {**OUTSIDE, **KEYS},
            "cacheKind": "external",
            "externalCache": {**OUTSIDE, **KEYS},
        },
        "kubernetes": {
            "servicePods": {
                "mcp-core": {
                    "imagePullSecrets": ["registry"],
                    "secretEnv": {canary_stack.VARIABLE: {"secret": "llm", "key": "key"}},
                }
            }
        },
        "scaling": {
            "mcp-core": {
                "min": 2,
                "max": 4,
                "targets": {"cpu": 60},
                "metrics": {"mcp_open_streams": 50},
            }
        },
        "observability": {
            "prometheus": {
                "address": "https://prometheus.example.com",
                "token": {"secret": "prometheus", "key": "token"},
                "ca": {"secret": "prometheus", "key": "ca.crt"},
            }
        },
    },
    "receivers of alerts": {
        "topology": "microservices",
        "network": NETWORK,
        "observability": {
            "kind": "operator",
            "alerts": {
                "receivers": [
                    {"name": "chat", "slack": {"channel": "#mcp", "url": TOLD}},
                    {
                        "name": "mail",
                        "email": {
                            "to": "mcp@example.com",
                            "sender": "alerts@example.com",
                            "smarthost": "smtp.example.com:587",
                            "username": "alerts",
                            "password": TOLD,
                        },
                    },
                    {"name": "duty", "pagerduty": {"key": TOLD}},
                    {"name": "program", "webhook": {"url": TOLD}},
                ],
                "deadMansSwitch": {"url": TOLD},
            },
        },
    },
    "a monitored gateway": {
        "topology": "microservices",
        "domain": "mcp.example.com",
        "network": {
            **{name: value for name, value in NETWORK.items() if name != "prometheus"},
            "issuer": ["198.51.100.0/24"],
        },
        "protocol": {"jwksUrl": "https://login.example.com/keys"},
        "kubernetes": {"apiServer": ["10.96.0.1/32"]},
        "observability": {
            "kind": "standalone",
            "alerts": {"receivers": [{"name": "duty", "pagerduty": {"key": TOLD}}]},
            "standalone": {
                "probes": {
                    "ca": {"secret": "edge-ca", "key": "ca.crt"},
                    "token": {
                        "url": "https://login.example.com/token",
                        "clientId": "mcp-probe",
                        "clientSecret": {"secret": "mcp-probe", "key": "client-secret"},
                        "ca": {"secret": "mcp-probe", "key": "ca.crt"},
                    },
                },
                "grafana": {
                    "signIn": {
                        "authorizationUrl": "https://login.example.com/authorize",
                        "tokenUrl": "https://login.example.com/token",
                        "userInfoUrl": "https://login.example.com/userinfo",
                        "clientId": "grafana",
                        "clientSecret": {"secret": "grafana-client", "key": "secret"},
                        "roles": {"viewers": ["mcp"]},
                        "ca": {"secret": "issuer-ca", "key": "ca.crt"},
                    }
                },
                "login": "prometheus-login",
            },
        },
    },
    "a sink of log lines": {
        "topology": "microservices",
        "network": NETWORK,
        "observability": {
            "logs": {
                "sink": {
                    "kind": "otlp",
                    "url": "https://logs.example.com",
                    "networks": ["192.0.2.0/24"],
                    "header": "X-Api-Key",
                    "scheme": "none",
                    "token": {"secret": "log-sink", "key": "token"},
                    "ca": {"secret": "log-sink", "key": "ca.crt"},
                }
            }
        },
    },
    "a sink of traces": {
        "topology": "microservices",
        "network": NETWORK,
        "observability": {
            "traces": {
                "sink": {
                    "url": "https://traces.example.com",
                    "networks": ["192.0.2.0/24"],
                    "header": "X-Api-Key",
                    "scheme": "none",
                    "token": {"secret": "trace-sink", "key": "token"},
                    "ca": {"secret": "trace-sink", "key": "ca.crt"},
                }
            }
        },
    },
    "an OpenSearch for log lines": {
        "topology": "microservices",
        "network": NETWORK,
        "observability": {
            "logs": {
                "sink": {
                    "kind": "opensearch",
                    "url": "https://search.example.com:9200",
                    "networks": ["192.0.2.0/24"],
                    "user": "logs",
                    "password": {"secret": "log-sink", "key": "password"},
                    "ca": {"secret": "log-sink", "key": "ca.crt"},
                    "retention": {
                        "user": "log-retention",
                        "password": {"secret": "log-retention", "key": "password"},
                    },
                }
            }
        },
    },
    "an Elasticsearch for log lines": {
        "topology": "microservices",
        "network": NETWORK,
        "observability": {
            "logs": {
                "sink": {
                    "kind": "elasticsearch",
                    "url": "https://search.example.com",
                    "networks": ["192.0.2.0/24"],
                    "scheme": "ApiKey",
                    "token": {"secret": "log-sink", "key": "api-key"},
                    "retention": {"token": {"secret": "log-retention", "key": "api-key"}},
                }
            }
        },
    },
    "an operated database": {
        "topology": "microservices",
        "network": NETWORK,
        "kubernetes": {"apiServer": ["10.96.0.1/32"]},
        "data": {
            "kind": "cloudnative-pg",
            "cloudnativePg": {
                "image": "ghcr.io/cloudnative-pg/postgresql:17.6-system-trixie",
                "roles": [{"name": "qudag_audit", "passwordSecret": "mcp-audit"}],
            },
        },
    },
}
"""Stacks that together set every field that names a Secret. Add a new field to one of them."""
PLANTED: Final = (
    *("every program", "replicas of Valkey"),
    *("an OpenSearch for log lines", "an Elasticsearch for log lines"),
)
"""Stacks whose programs run with canaries: tests/artifacts/test_canaries.py,
tests/artifacts/test_valkey_replicas.py, tests/monitoring/opensearch and
tests/runtime/test_elasticsearch_client.py."""


@cache
def graph(name: str) -> ResourceGraph:
    if name in SECTIONS:
        return recorded(SECTIONS[name])
    return every_field(name) if name in TOPOLOGIES else stack(name)


def where(path: Field) -> str:
    return ".".join(path)


@pytest.mark.parametrize("path", secret_fields(), ids=where)
def test_a_stack_of_these_tests_sets_every_field_that_names_a_secret(path: Field):
    default = secret_fields()[path]
    assert default or any(values_at(sections, path) for sections in SECTIONS.values()), (
        f"{where(path)} is new: set it in a stack of SECTIONS, so that the programs that read its "
        "Secret are found"
    )


@pytest.mark.parametrize("path", secret_fields(), ids=where)
def test_a_value_in_place_of_a_name_is_refused_without_showing_it(path: Field):
    canary = Canary.of(where(path))
    found = [sections for sections in SECTIONS.values() if values_at(sections, path)]
    sections = copy.deepcopy(dict((found or [SECTIONS["every program"]])[0]))
    given = with_value(sections, path, canary.text)
    with pytest.raises(ProblemReport) as refused:
        validate(changed("dev", given), stack="dev")
    assert any(one.path.startswith("qudag-mcp:" + path[0]) for one in refused.value.problems)
    assert leaks([canary], {"the refusal": str(refused.value)}) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [*(one for one in SECTIONS if one not in PLANTED), "staging", "prod", *TOPOLOGIES]
)
def test_every_secret_that_a_program_is_given_is_planted(name: str):
    planted = {place for one in PLANTED for each in secret_inputs(graph(one)) for place in each.any}
    missing = [each for each in secret_inputs(graph(name)) if planted.isdisjoint(each.any)]
    assert missing == [], "plant them: tests/harness/canary_stack.py"


def environment() -> list[Canary]:
    """A canary for each variable in which a provider or Pulumi looks for a credential."""
    names = {name for cloud in CLOUDS for name in cloud.facts.CREDENTIALS.variables}
    secret = {
        *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ARM_CLIENT_SECRET"),
        *("AZURE_CLIENT_SECRET", "PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE"),
    }
    return [Canary.of(name) for name in sorted(names | secret)]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tree", "json", "markdown", "html", "render"])
def test_no_preview_has_a_credential_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
):
    canaries = environment()
    for one in canaries:
        monkeypatch.setenv(one.name, one.text)
    arguments = ["render", "--out", str(tmp_path / "out")] if form == "render" else None
    arguments = arguments or ["preview", "--format", form]
    done = CliRunner().invoke(app, [*arguments, "--stack", "prod"])
    texts = {file.name: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    texts |= {"stdout": done.stdout, "stderr": done.stderr}
    assert "mcp-gateway" in "".join(texts.values())
    assert leaks(canaries, texts) == []
