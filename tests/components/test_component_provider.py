"""The provider process constructs components over gRPC, and reports refused arguments by path."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import status_pb2
from pulumi.runtime.proto import errors_pb2, provider_pb2

from components.base.tokens import TYPE_TOKENS
from components.package_schema import FILE, PackageSchema
from tests.harness.component_cases import CASES, CREATE_NOTHING, written
from tests.harness.component_process import ComponentProcess, component_process

GATEWAY = TYPE_TOKENS["Gateway"]
SERVER = TYPE_TOKENS["UserServer"]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Generator[ComponentProcess]:
    with component_process(tmp_path_factory.mktemp("package")) as running:
        yield running


def as_sent(value: Any) -> Any:
    """What a program in another language sends: no absent fields, and every number as a float."""
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {key: as_sent(each) for key, each in pairs if each is not None}
    if isinstance(value, list):
        return [as_sent(each) for each in cast("list[Any]", value)]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def refusal(process: ComponentProcess, token: str, inputs: dict[str, Any]) -> dict[str, str]:
    """The reasons by path of the error that the engine is given."""
    with pytest.raises(grpc.RpcError) as refused:
        process.construct(token, "edge", inputs)
    error = cast("Any", refused.value)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    sent = dict(error.trailing_metadata())["grpc-status-details-bin"]
    details = errors_pb2.InputPropertiesError()
    assert status_pb2.Status.FromString(sent).details[0].Unpack(details)
    return {each.property_path: each.reason for each in details.errors}


@pytest.mark.slow
def test_the_process_has_the_committed_schema(process: ComponentProcess):
    answer = process.provider.GetSchema(provider_pb2.GetSchemaRequest())
    assert answer.schema == FILE.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("component", "args"), CASES.values(), ids=CASES)
def test_a_component_is_registered_over_grpc_with_all_outputs(
    process: ComponentProcess, component: Any, args: Any, request: pytest.FixtureRequest
):
    name = f"c{list(CASES).index(request.node.callspec.id)}"  # all of them are in one process
    token = TYPE_TOKENS[component.__name__]
    answer = process.construct(token, name, as_sent(written(args)))
    graph = process.graph()
    assert graph.by_urn(answer.urn).type == token
    described = json.loads(FILE.read_text())["resources"][token]
    assert set(answer.state.fields) == set(described["properties"])
    children = {child.name for child in graph.children(answer.urn)}
    assert bool(children) is not (component in CREATE_NOTHING)
    assert all(child.startswith(name) for child in children)


@pytest.mark.slow
def test_every_problem_is_reported_with_its_path_consequence_and_fix(process: ComponentProcess):
    told = refusal(process, GATEWAY, {"namespace": "tools", "tlsMinimum": "1.1"})
    assert {"edge.tlsMinimum", "edge.image", "edge.upstream", "edge.tlsSecret"} <= set(told)
    assert "fix: write 1.3" in told["edge.tlsMinimum"]
    assert "so:  " in told["edge.image"]


@pytest.mark.slow
def test_checks_across_fields_have_paths_in_camel_case(process: ComponentProcess):
    _, args = CASES["Gateway with nginx"]
    told = refusal(process, GATEWAY, as_sent(written(args)) | {"proxyProtocol": True})
    assert "edge.trustedProxies" in told or "edge.proxyProtocol" in told
    assert not any("_" in path for path in told)


@pytest.mark.slow
def test_no_path_leads_to_a_value_that_the_engine_would_print(process: ComponentProcess):
    _, args = CASES["UserServer"]
    given = as_sent(written(args)) | {"env": {"API_PASSWORD": "hunter2hunter2"}}
    told = refusal(process, SERVER, given)
    assert "edge.env.API_PASSWORD" in told
    assert not any(path.split(".")[0] in given for path in told)
    assert "hunter2" not in "".join(told.values())


@pytest.mark.slow
def test_a_token_of_another_version_is_refused_with_a_fix(process: ComponentProcess):
    with pytest.raises(grpc.RpcError, match="generate the SDK of your program again"):
        process.construct("qudag-mcp:index:Removed", "edge", {})


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        (GATEWAY, "edge.tls_minimum", "edge.tlsMinimum"),
        (GATEWAY, "edge.tlsMinimum", "edge.tlsMinimum"),
        (GATEWAY, "edge.upstream.certificate_name", "edge.upstream.certificateName"),
        (GATEWAY, "edge.routes[0].auth_x", "edge.routes[0].auth_x"),
        (
            GATEWAY,
            "edge.routes[0].upstream.certificate_name",
            "edge.routes[0].upstream.certificateName",
        ),
        (GATEWAY, "other.tls_minimum", "other.tls_minimum"),
        (GATEWAY, "Gateway('a b')", "Gateway('a b')"),
        (SERVER, "edge.env.api_key", "edge.env.api_key"),
        (SERVER, "edge.secret_env.api_key.key", "edge.secretEnv.api_key.key"),
        (SERVER, "edge.env['tls_minimum']", "edge.env['tls_minimum']"),
    ],
)
def test_a_path_has_fields_in_camel_case_and_other_keys_unchanged(
    token: str, path: str, expected: str
):
    assert PackageSchema().written_path(path, "edge", token) == expected


def test_the_folder_contains_what_pulumi_needs_to_start_it():
    folder = Path(__file__).parents[2] / "component_package"
    files = {file.name for file in folder.iterdir() if file.is_file()}
    assert files == {"PulumiPlugin.yaml", "__main__.py", "requirements.txt"}
