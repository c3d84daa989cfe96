"""A program that cannot run offline ends preview and render with one line and status 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from delivery.cli import app
from graph.recorder import record
from tests.harness.checkouts import Checkout

FAILING = {
    "required configuration": (
        "pulumi.Config().require('region')",
        "greeter:region: the program requires it, and Pulumi.dev.yaml does not set it; "
        "fix: pulumi config set region <value> --stack dev",
    ),
    "a required secret of another namespace": (
        "pulumi.Config('aws').require_secret('token')",
        "aws:token: the program requires it, and Pulumi.dev.yaml does not set it; "
        "fix: pulumi config set --secret aws:token <value> --stack dev",
    ),
    "configuration of another type": (
        "pulumi.Config().require_int('size')",
        "greeter:size: its value in Pulumi.dev.yaml is not a valid int; "
        "fix: pulumi config set size <int> --stack dev",
    ),
    "an environment variable": (
        "os.environ['GREETER_TOKEN']",
        "environment variable GREETER_TOKEN: the program reads it, and it is not set; "
        "fix: export GREETER_TOKEN=<value>, or read it with os.environ.get('GREETER_TOKEN', "
        "default)",
    ),
    "a provider's function": (
        "int(aws.get_availability_zones().names[0])",
        "aws:index/getAvailabilityZones:getAvailabilityZones names.0: the program needs it for a "
        "number, and only the provider can return it; fix: pass the result on unread, or use "
        "get_availability_zones_output(…).apply(…), or read the value from pulumi.Config()",
    ),
    "a provider's function in an apply": (
        "pulumi.Output.from_input(1).apply(lambda _: float(aws.get_caller_identity().arn))",
        "aws:index/getCallerIdentity:getCallerIdentity arn: the program needs it for a number, and "
        "only the provider can return it; fix: pass the result on unread, or use "
        "get_caller_identity_output(…).apply(…), or read the value from pulumi.Config()",
    ),
}
QUICK = ("required configuration", "an environment variable", "a provider's function")
each_failure = pytest.mark.parametrize(
    ("verb", "statement", "line"),
    [
        pytest.param(
            *(verb, *failing),
            id=f"{verb}-{name}",
            # Both run the program in the same way: one failure of `render` is enough here.
            marks=[] if name in QUICK and (verb == "preview" or not number) else [pytest.mark.slow],
        )
        for verb in ("preview", "render")
        for number, (name, failing) in enumerate(FAILING.items())
    ],
)


@pytest.fixture
def program(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "program")


def ended(root: Path, verb: str, *options: str) -> tuple[int, str]:
    """Status and what the command wrote."""
    result = CliRunner().invoke(app, [verb, "--cwd", str(root), *options])
    return result.exit_code, result.output


@each_failure
def test_preview_and_render_say_it_in_one_line(
    program: Checkout, verb: str, statement: str, line: str
):
    program.write("__main__.py", f"import os, pulumi\nimport pulumi_aws as aws\n{statement}\n")
    options = ["--out", str(program.root / "out")] if verb == "render" else []
    assert ended(program.root, verb, *options) == (1, f"{line}\n")


def test_a_program_whose_process_ends_is_reported(program: Checkout):
    program.write("__main__.py", "import os\nos._exit(7)\n")
    status, written = ended(program.root, "preview")
    assert status == 1
    assert "its process ended with exit status 7" in written


def test_a_mistake_in_a_function_is_raised_as_it_is():
    def program() -> None:
        raise KeyError("colour")

    with pytest.raises(KeyError, match="colour"):
        record(program)
