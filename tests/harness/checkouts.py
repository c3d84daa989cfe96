"""Small Pulumi programs in temporary git repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

_IDENTITY = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
PROGRAM = """
import pulumi

from greeting import TEXT

config = pulumi.Config()
greeting = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": TEXT}}
pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "greeting", greeting)
pulumi.export("size", config.require_object("size")["pods"])
"""


class Checkout:
    """A git repository with a program whose ConfigMap contains the text of ``greeting.py``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("Pulumi.yaml", "name: greeter\nruntime: python\n")
        self.write("Pulumi.dev.yaml", "config:\n  greeter:size:\n    pods: 2\n")
        self.write("__main__.py", PROGRAM)
        self.say("hello")

    def git(self, *arguments: str) -> str:
        run = ["git", *_IDENTITY, *arguments]
        return subprocess.run(run, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def say(self, text: str) -> None:
        self.write("greeting.py", f"TEXT = {text!r}\n")

    def commit(self, message: str = "a step") -> str:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").strip()
