"""The policy pack in `pulumi preview` and `pulumi up` of the real engine.

Stand-ins take the place of the plugins of clouds. The engine, the language host and the pack are
real.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.cloud_stand_in import install
from tests.harness.pulumi_cli import ROOT, PulumiCli, missing

pytestmark = pytest.mark.skipif(
    bool(missing("pulumi-language-python")), reason=missing("pulumi-language-python")
)
PROGRAM = """
import pulumi

options = pulumi.ResourceOptions(version="{version}")
bucket = pulumi.CustomResource("aws:s3/bucket:Bucket", "site", {{"forceDestroy": False}}, options)
pulumi.CustomResource(
    "aws:s3/bucketAcl:BucketAcl", "acl", {{"bucket": bucket.id, "acl": "{acl}"}}, options
)
pulumi.CustomResource(
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "block",
    {{
        "bucket": bucket.id,
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }},
    options,
)
"""
SECRETS = """
import json

everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Sid": "hunter2"}
policy = pulumi.Output.secret(json.dumps({"Statement": [everyone], "Id": "hunter2"}))
options = pulumi.ResourceOptions(version="%s")
pulumi.CustomResource(
    "aws:s3/bucketPolicy:BucketPolicy", "open", {"bucket": bucket.id, "policy": policy}, options
)
member = {"acl": pulumi.Output.secret("public-read"), "name": "a"}
given = {"grants": [member], "db_password": pulumi.Output.secret("hunter2")}
pulumi.CustomResource("aws:acme/thing:Thing", "member", given, options)
"""


def settings(name: str) -> str:
    """A `Pulumi.yaml` whose program runs in this environment."""
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    return yaml.safe_dump({"name": name, "runtime": runtime})


def with_pack(root: Path, folder: Path) -> Path:
    """The pack of the project in ``root``, in this environment."""
    file = root / "policies" / "pack" / "PulumiPolicy.yaml"
    described: dict[str, Any] = yaml.safe_load(file.read_text())
    described["runtime"]["options"]["virtualenv"] = sys.prefix
    file.write_text(yaml.safe_dump(described))
    return file.parent


def copied(root: Path, *parts: str) -> Path:
    for part in parts:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, root / part, ignore=ignored)
        else:
            root.mkdir(exist_ok=True)
            shutil.copy2(ROOT / part, root / part)
    return root


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack in a copy of what it needs of a checkout."""
    root = tmp_path_factory.mktemp("checkout")
    copied(root, "components", "graph", "policies", "Pulumi.yaml")
    return with_pack(root, root)


@pytest.fixture
def site(tmp_path: Path) -> PulumiCli:
    """A program of someone else with a bucket."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(settings("site"))
    install("aws", version("pulumi-aws"), tmp_path / "home", ROOT)
    cli = PulumiCli(folder, tmp_path / "home", {"PWD": str(folder)})
    write(cli, "private")
    cli.create()
    return cli


def write(site: PulumiCli, acl: str) -> None:
    text = PROGRAM.format(version=version("pulumi-aws"), acl=acl)
    (site.program / "__main__.py").write_text(text)


def test_a_public_bucket_stops_the_preview_with_rule_path_and_fix(
    site: PulumiCli, pack: Path
) -> None:
    write(site, "public-read")
    printed = site.run("preview", f"--policy-pack={pack}", ok=False)
    assert "acl.acl" in printed
    assert "fix:" in printed
    assert "[mandatory]" in printed
    assert "aws-" in printed
    printed = site.run("up", "--yes", f"--policy-pack={pack}", ok=False)
    assert "acl.acl" in printed
    state = json.loads(site.run("stack", "export"))
    assert state["deployment"].get("resources", []) == []


def test_a_secret_that_is_dangerous_stops_the_preview_without_being_shown(
    site: PulumiCli, pack: Path
) -> None:
    """The engine tells a pack the values of secrets, of whole properties and of their members."""
    write(site, "private")
    program = site.program / "__main__.py"
    program.write_text(program.read_text() + SECRETS % version("pulumi-aws"))
    printed = site.run("preview", f"--policy-pack={pack}", ok=False)
    refused = [line for line in printed.splitlines() if "[mandatory]" in line]
    assert any("aws-iam-006" in line for line in refused)
    assert any("any-public-001" in line for line in refused)
    assert not any("any-secret-001" in line for line in refused)
    assert "open.policy: has or depends on a secret value" in printed
    assert "member.grants[0].acl: has or depends on a secret value" in printed
    assert "hunter2" not in printed


def test_a_private_bucket_is_deployed_and_advice_stops_nothing(site: PulumiCli, pack: Path) -> None:
    printed = site.run("preview", f"--policy-pack={pack}")
    assert "[advisory]" in printed
    assert "[mandatory]" not in printed
    site.run("up", "--yes", f"--policy-pack={pack}")
    printed = site.run("preview", f"--policy-pack={pack}")  # ids are known now, to the engine alone
    assert "[mandatory]" not in printed
    assert "BucketPublicAccessBlock:" not in printed.replace("BucketPublicAccessBlock: block", "")


def test_a_waiver_with_a_reason_lets_the_bucket_pass(site: PulumiCli, pack: Path) -> None:
    write(site, "public-read")
    printed = site.run("preview", f"--policy-pack={pack}", ok=False)
    rules = {
        word
        for line in printed.splitlines()
        if "[mandatory]" in line
        for word in line.split()
        if word.startswith("aws-")
    }
    entries = [
        {"rule": rule, "resource": "aws:s3/bucketAcl:BucketAcl::acl", "reason": "a public site"}
        for rule in sorted(rules)
    ]
    (site.program / "policy-waivers.yaml").write_text(yaml.safe_dump({"waivers": entries}))
    assert "waived: a public site" in site.run("preview", f"--policy-pack={pack}")
    elsewhere = PulumiCli(site.home, site.home, {"PWD": str(site.home)})
    words = (f"--cwd={site.program}", "preview", f"--policy-pack={pack}")
    assert "waived: a public site" in elsewhere.run(*words)


def test_a_level_can_be_configured_for_each_rule(
    site: PulumiCli, pack: Path, tmp_path: Path
) -> None:
    write(site, "public-read")
    levels = tmp_path / "levels.json"
    levels.write_text(json.dumps({"all": "advisory"}))
    words = (f"--policy-pack={pack}", f"--policy-pack-config={levels}")
    assert "[mandatory]" not in site.run("preview", *words)


def test_prod_passes_strictly_and_a_queue_without_encryption_stops_it(tmp_path: Path) -> None:
    root = copied(
        tmp_path / "checkout",
        *("__main__.py", "components", "stacks", "graph", "archives", "runtime", "policies"),
        "policy-waivers.yaml" if (ROOT / "policy-waivers.yaml").exists() else "Pulumi.yaml",
    )
    (ROOT / "out").mkdir(exist_ok=True)
    (root / "out").symlink_to(ROOT / "out")  # archives that are there are not made again
    (root / "Pulumi.yaml").write_text(settings("qudag-mcp"))
    stack: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    (root / "Pulumi.prod.yaml").write_text(yaml.safe_dump(stack))
    for package in ("aws", "azure-native", "command", "gcp", "kubernetes"):
        install(package, version(f"pulumi-{package}"), tmp_path / "home", ROOT)
    pack = with_pack(root, tmp_path)
    cli = PulumiCli(root, tmp_path / "home", {"PWD": str(root)})
    cli.create("prod")
    cli.run("preview", "--stack=prod")  # makes the archives of functions
    before = time.monotonic()
    cli.run("preview", "--stack=prod")
    between = time.monotonic()
    printed = cli.run("preview", "--stack=prod", f"--policy-pack={pack}")
    print(f"preview {between - before:.1f} s, with the pack {time.monotonic() - between:.1f} s")
    assert "[mandatory]" not in printed
    assert "qudag-mcp@v" in printed  # it has been applied

    queue = root / "components" / "aws" / "function.py"
    text = queue.read_text()
    changed = text.replace(": None if args.kms_key else True", ": False")
    assert changed != text
    queue.write_text(changed.replace('"kmsMasterKeyId": args.kms_key', '"kmsMasterKeyId": None'))
    printed = cli.run("preview", "--stack=prod", f"--policy-pack={pack}", ok=False)
    assert "sqsManagedSseEnabled" in printed
    assert re.search(r"\[mandatory\].*aws-sqs-\d+", printed)
