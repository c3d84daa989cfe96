"""The example of OpenBao on real pods: its Secrets, its entries and who can log in."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Final

from delivery.kubectl import Kubectl
from delivery.local_openbao.logins import as_operator
from tests.harness.deployed_platform import ROOT, Platform
from tests.harness.server import until

NAMESPACE: Final = "qudag-mcp-openbao"
STORE: Final = "secrets"
DATABASE: Final = ("mcp-server-secrets", "database-password")
CACHE: Final = ("mcp-valkey-mcp-server", "password")
REFRESHED_WITHIN: Final = 60
ROTATED_WITHIN: Final = 300
"""A refresh, the kubelet's period of about a minute, and the two minutes of PostgreSQL's pod."""


def left(kubectl: Kubectl) -> list[str]:
    """What the stack and its OpenBao have made, as far as it is still there."""
    kinds = "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions"
    found = [
        f"{one['kind']}/{one['metadata']['name']}"
        for one in kubectl.objects(kinds)
        if one["metadata"]["name"] == STORE
        or any(word in one["metadata"]["name"] for word in ("openbao", "external-secrets"))
    ]
    volumes = [one["spec"]["claimRef"]["namespace"] for one in kubectl.objects("persistentvolumes")]
    return found + [f"volume of {one}" for one in volumes if one in (NAMESPACE, STORE)]


def values(kubectl: Kubectl, name: str, namespace: str = NAMESPACE) -> dict[str, str]:
    """The values of a Secret."""
    (found,) = kubectl.objects("secret", name, f"--namespace={namespace}")
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def bao(*arguments: str, stdin: str = "") -> str:
    """The command of docs/how-to/use-a-secret-store.md."""
    done = subprocess.run(
        [ROOT / "tools/node/bao", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def entry(name: str) -> dict[str, str]:
    """The entry of a Secret in OpenBao."""
    read = bao("kv", "get", "-mount=secret", "-format=json", f"{NAMESPACE}/{name}")
    return json.loads(read)["data"]["data"]


def change(kubectl: Kubectl, secret: tuple[str, str], value: str) -> None:
    """Write a value into OpenBao, as an operator does, and wait until it is in the Secret."""
    name, key = secret
    bao("kv", "patch", "-mount=secret", f"{NAMESPACE}/{name}", f"{key}=-", stdin=value)
    until(lambda: values(kubectl, name)[key] == value, REFRESHED_WITHIN)


def mounted(platform: Platform) -> dict[str, set[str]]:
    """The keys of each Secret that the pods of the platform mount."""
    found: dict[str, set[str]] = {}
    for pod in platform.pods():
        for volume in pod["spec"]["volumes"]:
            if source := volume.get("secret"):
                keys = {item["key"] for item in source["items"]}
                found.setdefault(source["secretName"], set()).update(keys)
    return found


def logs_in(kubectl: Kubectl, account: str, namespace: str, read: str) -> str:
    """What OpenBao answers to a service account that logs in as the stack's and reads a path."""
    token = kubectl.must("create", "token", account, f"-n={namespace}", "--audience=vault")
    script = (
        'unset BAO_TOKEN; read -r other; BAO_TOKEN=$(printf %s "$other" | '
        "bao write -field=token auth/kubernetes/login role=qudag-mcp jwt=- 2>&1) || "
        f'{{ echo "refused: $BAO_TOKEN"; exit 0; }}; export BAO_TOKEN; {read} 2>&1 || true'
    )
    return as_operator(kubectl, script, [token.strip()])


def log(platform: Platform, workload: str) -> str:
    (pod,) = platform.pods(workload)
    return platform.kubectl.must("logs", pod["metadata"]["name"], f"--namespace={NAMESPACE}")


def in_pod(platform: Platform, workload: str, script: str, password: str) -> str:
    """What a script prints in a pod; it reads the password from its standard input."""
    (pod,) = platform.pods(workload)
    where = ("exec", "--stdin", f"--namespace={NAMESPACE}", pod["metadata"]["name"], "--")
    return platform.kubectl.must(*where, "sh", "-c", script, stdin=password + "\n")


def database_accepts(platform: Platform, password: str) -> bool:
    script = (
        "read -r PGPASSWORD; export PGPASSWORD; psql --no-psqlrc --no-password --command='SELECT 1'"
        " 'host=127.0.0.1 sslmode=require user=qudag dbname=qudag_mcp' 2>&1 || true"
    )
    said = in_pod(platform, "postgres", script, password)
    assert "(1 row)" in said or "password authentication failed" in said, said
    return "(1 row)" in said


def cache_accepts(platform: Platform, password: str) -> bool:
    script = (
        "read -r REDISCLI_AUTH; export REDISCLI_AUTH; "
        "valkey-cli -h 127.0.0.1 -p 6379 --tls --insecure --user mcp-server PING 2>&1 || true"
    )
    said = in_pod(platform, "redis", script, password)
    assert "PONG" in said or "WRONGPASS" in said or "NOAUTH" in said, said
    return "PONG" in said


def password_of_the_server(platform: Platform) -> str:
    """The password of Valkey's user as the server's pod has it: the first line of its file."""
    (pod,) = platform.pods("mcp-server")
    (volume,) = (
        one["name"]
        for one in pod["spec"]["volumes"]
        if one.get("secret", {}).get("secretName") == CACHE[0]
    )
    (path, container), *_ = (
        (mount["mountPath"], each["name"])
        for each in pod["spec"]["containers"]
        for mount in each["volumeMounts"]
        if mount["name"] == volume
    )
    where = (f"--namespace={NAMESPACE}", pod["metadata"]["name"], f"--container={container}")
    return platform.kubectl.must("exec", *where, "--", "cat", f"{path}/{CACHE[1]}").split("\n")[0]


def rotate_the_cache(platform: Platform, old: str, new: str) -> None:
    """The three steps of docs/how-to/rotate-secrets.md."""
    for value in (f"{old}\n{new}", f"{new}\n{old}", new):
        loaded = log(platform, "redis").count("Users loaded again")
        change(platform.kubectl, CACHE, value)
        until(
            lambda loaded=loaded: log(platform, "redis").count("Users loaded again") > loaded,
            ROTATED_WITHIN,
        )
        # The kubelet updates the files of each pod at a time of its own.
        first = value.split("\n")[0]
        until(lambda first=first: password_of_the_server(platform) == first, ROTATED_WITHIN)


def server_pods(platform: Platform) -> dict[str, int]:
    """The restarts of each pod, by uid."""
    return {
        pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in platform.pods()
        if pod["status"]["phase"] == "Running"
    }
