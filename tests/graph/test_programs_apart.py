"""Programs of other teams run in their own process; each has one thing that is hard to preview."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from components.base.problems import ProblemReport
from graph.programs import ProgramFailed, record_stack
from graph.resource_graph import Resource, ResourceGraph

pytestmark = pytest.mark.slow  # each starts a Python with its SDKs

PRELUDE = """
import pulumi
from pulumi import Output, ResourceOptions


class Thing(pulumi.CustomResource):
    def __init__(self, name, props=None, opts=None):
        super().__init__("test:index:Thing", name, {"colour": None, **(props or {})}, opts)

"""


def written(folder: Path, program: str, project: str = "", stack: str | None = None) -> Path:
    """A program in a folder, which may have a stack file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\n{dedent(project)}")
    (folder / "__main__.py").write_text(PRELUDE + dedent(program))
    if stack is not None:
        (folder / "Pulumi.dev.yaml").write_text(dedent(stack))
    return folder


def recorded(folder: Path, program: str, **files: str) -> ResourceGraph:
    return record_stack(written(folder, program, **files), "dev")


def failed(folder: Path, program: str, **files: str) -> ProgramFailed:
    with pytest.raises(ProgramFailed) as raised:
        record_stack(written(folder, program, **files), "dev")
    return raised.value


def thing(graph: ResourceGraph, name: str) -> Resource:
    return graph.one("test:index:Thing", name)


def noticed(graph: ResourceGraph) -> dict[str, str]:
    return {notice.subject: notice.what for notice in graph.notices}


def test_a_program_without_a_stack_file_has_an_empty_configuration(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        config = pulumi.Config()
        Thing("a", {"size": config.get_int("size") or 3, "where": pulumi.get_stack()})
        """,
    )
    assert thing(graph, "a").inputs == {"size": 3, "where": "dev"}


def test_all_missing_and_mistyped_configuration_is_reported_at_once(tmp_path: Path):
    failure = failed(
        tmp_path,
        """
        config = pulumi.Config()
        Thing(config.require("name"), {"password": config.require_secret("password")})
        zone = pulumi.Config("gcp").require("zone")
        Thing("b", {"size": config.require_int("size"), "zone": zone})
        """,
        stack="config:\n  shop:size: many\n",
        project="config:\n  owner: {type: string}\n",
    )
    assert [(problem.path, problem.fix) for problem in failure.problems] == [
        ("shop:name", "pulumi config set name <value> --stack dev"),
        ("shop:password", "pulumi config set --secret password <value> --stack dev"),
        ("gcp:zone", "pulumi config set gcp:zone <value> --stack dev"),
        ("shop:size", "pulumi config set size <int> --stack dev"),
        ("shop:owner", "pulumi config set owner <value> --stack dev"),
    ]


def test_an_error_that_follows_from_missing_configuration_is_not_reported_as_well(tmp_path: Path):
    failure = failed(
        tmp_path,
        """
        sizes = pulumi.Config().require_object("sizes")
        Thing("a", {"size": int(sizes["a"])})
        """,
    )
    assert [problem.path for problem in failure.problems] == ["shop:sizes"]
    assert failure.traceback == ""


def test_a_fault_that_follows_from_missing_configuration_is_not_reported_as_well(tmp_path: Path):
    failure = failed(tmp_path, "pulumi.Config().require('name')\nThing(None)")
    assert [problem.path for problem in failure.problems] == ["shop:name"]
    assert failure.traceback == ""


def test_an_encrypted_value_is_secret_and_not_known_to_functions(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import base64
        config = pulumi.Config()
        key = config.require_secret("key").apply(lambda text: base64.b64decode(text, validate=True))
        Thing("a", {"key": key, "plain": config.require("key")})
        """,
        stack="config:\n  shop:key: {secure: v1:abc}\n",
    )
    assert thing(graph, "a").inputs == {"key": "[secret]", "plain": "[secret]"}


def test_a_missing_environment_variable_is_named(tmp_path: Path):
    failure = failed(tmp_path, "import os\nThing(os.environ['SHOP_TOKEN'])")
    (problem,) = failure.problems
    assert problem.path == "environment variable SHOP_TOKEN"
    assert failure.traceback == ""


def test_a_missing_module_says_how_to_install_it(tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("pulumi-imaginary>=2\n")
    failure = failed(tmp_path, "import pulumi_imaginary.things")
    (problem,) = failure.problems
    assert problem.path == "__main__.py:10"
    assert problem.what == f"the module pulumi_imaginary is not installed in {sys.prefix}"
    assert problem.fix.startswith(f"in {tmp_path}: pip install -r requirements.txt")
    assert failure.traceback == ""


def test_a_fault_of_the_program_shows_its_own_frames_only(tmp_path: Path):
    (tmp_path / "rooms.py").write_text("def room(number):\n    return {}[number]\n")
    failure = failed(tmp_path, "import rooms\nrooms.room(7)\n")
    (problem,) = failure.problems
    assert (problem.path, problem.what) == ("rooms.py:2", "KeyError: 7")
    lines = failure.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{tmp_path}/__main__.py", line 11, in <module>'
    assert lines[-1] == "KeyError: 7"
    assert "graph/apart" not in failure.traceback
    assert "runpy" not in failure.traceback


def test_a_fault_names_the_values_that_can_be_its_cause(tmp_path: Path):
    failure = failed(
        tmp_path,
        """
        import pulumi_aws as aws
        many = len(aws.get_availability_zones().names)
        Thing("a", {"zone": pulumi.Config("aws").get("region") + "a" * many})
        """,
    )
    (problem,) = failure.problems
    assert problem.fix == (
        "correct the program there; only a cloud knows "
        "aws:index/getAvailabilityZones:getAvailabilityZones names; "
        "Pulumi.dev.yaml does not set aws:region"
    )


def test_a_fault_in_a_function_of_an_output_shows_its_frame(tmp_path: Path):
    failure = failed(tmp_path, "Output.from_input('a').apply(lambda text: text.missing)")
    assert failure.problems[0].path == "__main__.py:10"
    assert "graph/apart" not in failure.traceback
    assert "line 10, in <lambda>" in failure.traceback


def test_a_fault_without_a_frame_of_the_program_shows_no_frame_of_ours(tmp_path: Path):
    failure = failed(tmp_path, "Output.from_input('a').apply(5)")
    assert failure.problems[0].what == "TypeError: 'int' object is not callable"
    assert "Traceback" in failure.traceback
    assert "graph/apart" not in failure.traceback


def test_only_an_exit_with_an_error_fails_the_preview(tmp_path: Path):
    graph = recorded(tmp_path / "done", "Thing('a')\nraise SystemExit(0)")
    assert thing(graph, "a")
    failure = failed(tmp_path / "closed", "Thing('a')\nraise SystemExit('closed today')")
    assert failure.problems[0].what == "the program ended itself: closed today"


def test_an_error_that_the_program_logs_ends_the_preview(tmp_path: Path):
    failure = failed(tmp_path, "pulumi.log.error('no quota')\nThing('a')")
    assert failure.problems[0].what == "no quota"


def test_a_program_may_print_and_use_threads_and_coroutines(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import asyncio, sys, threading
        print("noise", flush=True)
        print("more noise", file=sys.stderr)
        found = []
        worker = threading.Thread(target=lambda: found.append("from a thread"))
        worker.start()
        worker.join()

        async def later():
            await asyncio.sleep(0)
            return "from a coroutine"

        Thing("a", {"thread": found[0], "coroutine": later()})
        threading.Thread(target=lambda: sys.stdin.read(), daemon=True).start()
        """,
    )
    assert thing(graph, "a").inputs == {
        "thread": "from a thread",
        "coroutine": "from a coroutine",
    }


def test_modules_of_a_program_may_have_the_names_of_ours(tmp_path: Path):
    for name in ("components", "graph", "policies"):
        (tmp_path / f"{name}.py").write_text(f"NAME = '{name} of the shop'\n")
    graph = recorded(
        tmp_path,
        "import components, graph, policies\nThing('a', {'of': [components.NAME, graph.NAME]})",
    )
    assert thing(graph, "a").inputs["of"] == ["components of the shop", "graph of the shop"]


def test_another_stacks_outputs_are_unknown_and_named(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        network = pulumi.StackReference("acme/network/prod")
        subnet = network.require_output("subnets").apply(lambda found: Thing(found[0]))
        Thing("a", {"vpc": network.get_output("vpc")})
        """,
    )
    assert [one.name for one in graph.all("test:index:Thing")] == ["a"]
    assert thing(graph, "a").inputs == {"vpc": "[unknown]"}
    (subject,) = noticed(graph)
    assert subject.endswith("pulumi:pulumi:StackReference::acme/network/prod")


def test_an_existing_resource_is_not_part_of_the_stack(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import pulumi_aws as aws
        old = aws.ec2.Vpc.get("old", "vpc-123")
        aws.ec2.Subnet("new", vpc_id=old.id, cidr_block=old.cidr_block)
        """,
    )
    assert graph.one("aws:ec2/subnet:Subnet").inputs == {
        "vpcId": "vpc-123",
        "cidrBlock": "[unknown]",
    }
    assert [subject.rpartition("::")[2] for subject in noticed(graph)] == ["old"]


def test_results_of_provider_functions_can_be_indexed_looped_over_and_compared(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        import json
        import pulumi_aws as aws
        zones = aws.get_availability_zones(state="available")
        for number, zone in enumerate(zones.names[:2]):
            Thing(f"subnet-{zone}", {"zone": zone, "number": number})
        me = aws.get_caller_identity()
        if me.account_id == "123456789012":
            Thing("in-the-account")
        Thing("a", {
            "first": zones.names[0], "many": len(zones.names), "all": zones.names,
            "part": me.arn.split(":")[4], "text": json.dumps({"who": [me.arn, zones.names]}),
        })
        """,
    )
    assert [one.name for one in graph.all("test:index:Thing")] == ["a", "subnet-[unknown]"]
    assert thing(graph, "a").inputs == {
        "first": "[unknown]", "many": 1, "all": "[unknown]", "part": "[unknown]",
        "text": "[unknown]",
    }  # fmt: skip
    said = noticed(graph)
    identity = "aws:index/getCallerIdentity:getCallerIdentity"
    assert "takes it for another value" in said[f"{identity} accountId"]
    assert "is not called" in said[identity]


def test_a_number_that_only_a_cloud_knows_ends_the_preview_with_its_name(tmp_path: Path):
    failure = failed(
        tmp_path,
        "import pulumi_aws as aws\nThing('a', {'n': int(aws.get_caller_identity().account_id)})",
    )
    assert failure.problems[0].path == "aws:index/getCallerIdentity:getCallerIdentity accountId"


def test_a_placeholder_id_refers_to_its_resource_and_breaks_no_function(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        first = Thing("first")
        Thing("second", {
            "of": first.id,
            "text": first.id.apply(lambda found: f"thing {found}"),
            "group": first.id.apply(lambda found: found.split("/")[4]),
        })
        """,
    )
    assert thing(graph, "second").inputs == {
        "of": "first", "text": "thing first", "group": "[unknown]",
    }  # fmt: skip
    assert any("needs an id" in what for what in noticed(graph).values())


DYNAMIC = """
from pulumi import dynamic

SIZES = [1, 2]

def doubled(number):
    return number * {factor}

class Provider(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("an-id", {{"size": doubled(props["size"])}})

class Row(dynamic.Resource):
    def __init__(self, name, size):
        super().__init__(Provider(), name, {{"size": size, "result": None}})

Thing("a", {{"of": Row("row", 3).result}})
"""


def test_a_dynamic_resource_has_a_digest_of_its_providers_code(tmp_path: Path):
    token = "pulumi-python:dynamic:Resource"
    first = recorded(tmp_path / "first", DYNAMIC.format(factor=2)).one(token).inputs["__provider"]
    again = recorded(tmp_path / "again", "# moved\n" + DYNAMIC.format(factor=2))
    changed = recorded(tmp_path / "changed", DYNAMIC.format(factor=3)).one(token)
    assert first.startswith("[code Provider ")
    assert again.one(token).inputs == {"__provider": first, "size": 3}
    assert changed.inputs["__provider"] != first
    assert thing(again, "a").inputs == {"of": "[unknown]"}


def test_files_are_recorded_by_their_content_and_without_the_programs_folder(tmp_path: Path):
    program = """
    import os
    Thing("a", {"code": pulumi.FileArchive("./app"), "page": pulumi.FileAsset("page.html"),
                "path": os.path.abspath("page.html"), "text": pulumi.StringAsset("hello")})
    """
    inputs: list[dict[str, object]] = []
    for name, page in {"one": "hello", "same": "hello", "other": "goodbye"}.items():
        (tmp_path / name / "app").mkdir(parents=True)
        (tmp_path / name / "app/main.py").write_text("x = 1")
        (tmp_path / name / "page.html").write_text(page)
        (tmp_path / name / "app/.venv").mkdir()
        (tmp_path / name / "app/.venv/packages").write_text(f"of {name}")
        inputs.append(thing(recorded(tmp_path / name, program), "a").inputs)
    one, same, other = inputs
    assert one == same
    assert [key for key in one if one[key] != other[key]] == ["page"]
    assert one["path"] == "page.html"
    assert one["text"] == {"text": "hello"}


def test_kubernetes_yaml_is_read_and_charts_are_named(tmp_path: Path):
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml/app.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: shop}\n"
        "data: {since: 2026-01-01}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: app}\n"
    )
    graph = recorded(
        tmp_path,
        """
        from pulumi_kubernetes.helm.v3 import Chart, ChartOpts, FetchOpts
        from pulumi_kubernetes.helm.v4 import Chart as NewChart
        from pulumi_kubernetes.kustomize import Directory
        from pulumi_kubernetes.yaml import ConfigFile, ConfigGroup
        ConfigGroup("all", files=["yaml/*.yaml"])
        ConfigFile("web", file="https://example.com/web.yaml")
        Directory("overlay", directory="overlay")
        repository = FetchOpts(repo="https://charts.example")
        chart = Chart("db", ChartOpts(chart="postgresql", fetch_opts=repository))
        service = chart.get_resource("v1/Service", "db")
        Thing("a", {"ip": service.status.load_balancer.ingress[0].ip})
        NewChart("cache", chart="oci://registry.example/valkey")
        """,
    )
    config_map = graph.one("kubernetes:core/v1:ConfigMap", "shop/app")
    assert config_map.inputs["data"] == {"since": "2026-01-01"}
    assert graph.one("kubernetes:core/v1:Service", "app")
    assert thing(graph, "a").inputs == {"ip": "[unknown]"}
    said = noticed(graph)
    assert "not fetched" in said["https://example.com/web.yaml"]
    assert "objects that it renders" in said["kubernetes:helm:template"]
    assert "objects that it renders" in said["kubernetes:kustomize:directory"]
    (new,) = [what for subject, what in said.items() if subject.endswith("Chart::cache")]
    assert "its provider creates what is under it" in new


def test_components_of_other_packages_are_recorded_and_named(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        class Cluster(pulumi.ComponentResource):
            def __init__(self, name, props):
                props = {**props, "kubeconfig": None}
                super().__init__("eks:index:Cluster", name, props, None, remote=True)
            def get_kubeconfig(self, profile):
                token = "eks:index:Cluster/getKubeconfig"
                return pulumi.runtime.call(token, {"profile": profile}, self)

        cluster = Cluster("main", {"version": "1.33", "nodes": 2})
        Thing("a", {"kubeconfig": cluster.kubeconfig, "of": cluster.get_kubeconfig("x")})
        """,
    )
    cluster = graph.one("eks:index:Cluster")
    assert cluster.inputs == {"version": "1.33", "nodes": 2}
    assert thing(graph, "a").inputs == {"kubeconfig": "[unknown]", "of": "[unknown]"}
    assert "its provider creates what is under it" in noticed(graph)[cluster.urn]


def test_outputs_of_another_type_than_the_input_are_unknown(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        from typing import Sequence

        class Network(pulumi.CustomResource):
            gateways: pulumi.Output[Sequence[str]] = pulumi.property("gateways")
            name: pulumi.Output[str] = pulumi.property("name")

            def __init__(self, resource, **props):
                super().__init__("test:index:Network", resource, props)

        network = Network("main", gateways={"strategy": "one"}, name="net")
        Thing("a", {"gateways": network.gateways, "name": network.name})
        """,
    )
    assert thing(graph, "a").inputs == {"gateways": "[unknown]", "name": "net"}


def test_transforms_of_a_program_run(tmp_path: Path):
    graph = recorded(
        tmp_path,
        """
        def tagged(args):
            return pulumi.ResourceTransformResult({**args.props, "team": "shop"}, args.opts)

        pulumi.runtime.register_resource_transform(tagged)
        Thing("a", {"size": 1})
        """,
    )
    assert thing(graph, "a").inputs == {"size": 1, "team": "shop"}


def test_a_duplicate_resource_is_refused_as_an_engine_does(tmp_path: Path):
    failure = failed(tmp_path, "Thing('a')\nThing('a')")
    assert "Duplicate resource URN" in failure.problems[0].what
    assert "graph/apart" not in str(failure)


def test_the_program_may_be_in_the_folder_that_main_names(tmp_path: Path):
    written(tmp_path / "infra", "Thing('a')")
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nmain: infra/\n")
    assert thing(record_stack(tmp_path, "dev"), "a")


def test_a_recording_is_the_same_each_time(tmp_path: Path):
    program = """
    import pulumi_aws as aws
    for zone in aws.get_availability_zones().names:
        Thing(f"{zone}-a")
    for zone in aws.get_availability_zones().names:
        Thing(f"{zone}-a")
    """
    texts = {recorded(tmp_path / name, program).to_json() for name in ("one", "two", "three")}
    (text,) = texts
    names = [one["name"] for one in json.loads(text)["resources"]]
    assert names == ["shop-dev", "[unknown]-a", "[unknown]-a-2"]


ENVIRONMENTS = {
    "a virtual environment that does not exist": (
        "runtime: {name: python, options: {virtualenv: venv}}",
        "python3 -m venv venv && venv/bin/pip install -r requirements.txt",
    ),
    "an environment of uv": (
        "runtime: {name: python, options: {toolchain: uv}}",
        "uv sync",
    ),
    "an environment of poetry": (
        "runtime: {name: python, options: {toolchain: poetry}}",
        "poetry install",
    ),
    "another language": ("runtime: nodejs", "preview a program in Python"),
}


@pytest.mark.parametrize(("runtime", "fix"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_an_environment_that_is_absent_says_how_to_make_it(
    runtime: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "requirements.txt").write_text("pulumi\n")
    written(tmp_path, "Thing('a')")
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\n{runtime}\n")
    with pytest.raises(ProblemReport) as raised:
        record_stack(tmp_path, "dev")
    assert fix in raised.value.problems[0].fix
