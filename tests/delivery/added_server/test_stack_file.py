"""A server is inserted into a stack file; all else keeps its text, whatever form the file has."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.added_server import stack_file
from delivery.added_server.stack_file import StackFile
from delivery.added_server.stack_text import Entry
from graph.stack_yaml import read_stack_file
from tests.harness.containers import ROOT

FIELDS = {
    "image": "ghcr.io/acme/weather-mcp:2",
    "port": 8080,
    "command": ["weather", "--a=b c", "1e3"],
}
ENTRY = Entry("weather", FIELDS, ("unknown: era",))
SHIPPED = sorted(
    file
    for file in ROOT.rglob("Pulumi.*.yaml")
    if ".venv" not in file.parts and "qudag-mcp:" in file.read_text()
)

AWKWARD = {
    "comments": "# head\nconfig:\n  # about\n  qudag-mcp:topology: none   # end\n\n# tail\n",
    "servers with comments": (
        "config:\n  qudag-mcp:servers:  # ours\n    # time\n    time: {image: 'a/b:1'}  # UTC\n"
        "    # after\n  qudag-mcp:topology: none\n"
    ),
    "an empty mapping": "config:\n  qudag-mcp:servers: {}  # none\n  qudag-mcp:topology: none\n",
    "an empty mapping alone": "config:\n  qudag-mcp:servers: { }",
    "braces": "config:\n  qudag-mcp:servers: {time: {image: a/b:1}}\n",
    "braces on lines": (
        "config:\n  qudag-mcp:servers: {\n    time: {image: a/b:1} # UTC\n  }\n"
        "  qudag-mcp:topology: none\n"
    ),
    "braces with a last comma": (
        "config:\n  qudag-mcp:servers: {\n    time: {image: a/b:1}, # UTC\n  } # end\n"
    ),
    "braces everywhere": "config: {'qudag-mcp:topology': none}\n",
    "braces everywhere, with servers": (
        "config: {'qudag-mcp:servers': {}, 'qudag-mcp:topology': none}\n"
    ),
    "a key without the project": "config:\n  servers:\n    time: {image: a/b:1}\n",
    "no line break at the end": "config:\n  qudag-mcp:topology: none",
    "line breaks of Windows": (
        "config:\r\n  qudag-mcp:servers:\r\n    time: {image: a/b:1}\r\n"
        "  qudag-mcp:topology: none\r\n"
    ),
    "a byte order mark": "\ufeffconfig:\n  qudag-mcp:topology: none\n",
    "other keys after it": (
        "config:\n  qudag-mcp:topology: none\nencryptionsalt: v1:abc\nsecretsprovider: passphrase\n"
    ),
    "other keys before it": "encryptionsalt: v1:abc\nconfig:\n    qudag-mcp:topology: none\n",
    "a secret": "config:\n  aws:token:\n    secure: v1:abc:def\n",
    "a text of several lines": (
        "config:\n  qudag-mcp:servers:\n    time:\n      image: a/b:1\n      files:\n"
        "        /etc/a: |\n          one\n\n          two\n\n\n  qudag-mcp:topology: none\n"
    ),
    "a text that keeps its line breaks": (
        "config:\n  qudag-mcp:servers:\n    time:\n      image: a/b:1\n      files:\n"
        "        /etc/a: |+\n          one\n\n\n  qudag-mcp:topology: none\n"
    ),
    "a folded text at the end": (
        "config:\n  qudag-mcp:servers:\n    time:\n      files:\n        /etc/a: >-\n"
        "          one\n          two\n"
    ),
    "lists without indentation": (
        "config:\n  qudag-mcp:servers:\n    time:\n      image: a/b:1\n      command:\n      - a\n"
        "      - b # last\n  qudag-mcp:topology: none\n"
    ),
    "an entry over lines": (
        "config:\n  qudag-mcp:servers:\n    time: {image: 'a/b:1',\n      user: 1}\n"
    ),
    "a plain text over lines": (
        "config:\n  qudag-mcp:servers:\n    time:\n      image: a\n        b\n"
    ),
    "an anchor": (
        "config:\n  qudag-mcp:servers:\n    time: &time\n      image: a/b:1\n    other: *time\n"
    ),
    "a merge": (
        "config:\n  qudag-mcp:servers:\n    time: &time {image: a/b:1}\n"
        "    other:\n      <<: *time\n      user: 1\n"
    ),
    "a tag": "config:\n  qudag-mcp:servers: !!map\n    time: {image: !!str a/b:1}\n",
    "a document's marks": "---\nconfig:\n  qudag-mcp:topology: none\n...\n",
    "a document's marks and servers": (
        "--- \nconfig:\n  qudag-mcp:servers:\n    a: {image: b/c:1}\n...\n"
    ),
    "keys in quotes": 'config:\n  "qudag-mcp:servers":\n    "time": {image: a/b:1}\n',
    "wide indentation": (
        "config:\n        qudag-mcp:servers:\n                a:\n"
        "                        image: b/c:1\n"
    ),
}


def read(folder: Path, text: str, name: str = "Pulumi.dev.yaml") -> StackFile:
    for shipped in ("Pulumi.yaml", "__main__.py"):
        (folder / shipped).write_bytes((ROOT / shipped).read_bytes())
    (folder / name).write_bytes(text.encode())
    return StackFile.read(folder, name.split(".")[1])


def config_of(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "written.yaml"
    file.write_bytes(text.encode())
    return read_stack_file(file)


def without_the_entry(text: str, before: str) -> str:
    """The lines of ``text`` that ``before`` has too, in order."""
    kept, wanted = list[str](), before.splitlines()
    for line in text.splitlines():
        if len(kept) < len(wanted) and line == wanted[len(kept)]:
            kept.append(line)
    return "\n".join(kept)


def holds_all_of(new: str, old: str) -> bool:
    """Whether the characters of ``old`` are all in ``new``, in their order."""
    left = iter(new)
    return all(letter in left for letter in old)


def check(folder: Path, text: str, entry: Entry = ENTRY) -> str:
    file = read(folder, text)
    new = file.with_server(entry)
    before, after = dict(file.config), config_of(folder, new)
    key = "servers" if "servers" in before else "qudag-mcp:servers"
    assert after.pop(key) == {**(before.pop(key, None) or {}), entry.name: dict(entry.fields)}
    assert after == before
    assert holds_all_of(new, text.replace("{}", "").replace("{ }", "").rstrip())
    assert "# unknown: era" in new
    assert ("\r\n" in text) == ("\r\n" in new)
    assert new.replace("\r\n", "").count("\r") == 0
    return new


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_shipped_stack_file_keeps_its_lines(tmp_path: Path, file: Path):
    text = file.read_text()
    new = check(tmp_path, text, Entry("another", FIELDS, ENTRY.comments))
    assert without_the_entry(new, text) == "\n".join(text.splitlines())


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_every_form_of_a_stack_file_keeps_what_it_has(tmp_path: Path, text: str):
    check(tmp_path, text)


def test_the_entry_follows_the_last_server_with_the_indentation_of_the_file(tmp_path: Path):
    assert check(tmp_path, AWKWARD["servers with comments"]) == (
        "config:\n  qudag-mcp:servers:  # ours\n    # time\n    time: {image: 'a/b:1'}  # UTC\n"
        "    weather:\n      # unknown: era\n      image: ghcr.io/acme/weather-mcp:2\n"
        '      port: 8080\n      command: [weather, "--a=b c", "1e3"]\n'
        "    # after\n  qudag-mcp:topology: none\n"
    )
    wide = check(tmp_path, AWKWARD["wide indentation"])
    assert f"\n{' ' * 16}weather:\n" in wide
    empty = check(tmp_path, AWKWARD["an empty mapping"])
    assert "  qudag-mcp:servers:   # none\n    weather:\n" in empty


def test_an_entry_is_replaced_in_its_place(tmp_path: Path):
    text = (
        "config:\n  qudag-mcp:servers:\n    # first\n    weather:\n      image: a/b:1\n"
        "      command:\n      - a\n    # second\n    time: {image: a/b:1}\n"
    )
    assert check(tmp_path, text.replace("a/b:1\n      command:\n      - a", "ghcr.io")) == (
        "config:\n  qudag-mcp:servers:\n    # first\n    weather:\n      # unknown: era\n"
        "      image: ghcr.io/acme/weather-mcp:2\n      port: 8080\n"
        '      command: [weather, "--a=b c", "1e3"]\n'
        "    # second\n    time: {image: a/b:1}\n"
    )


def test_an_entry_in_braces_is_replaced(tmp_path: Path):
    file = read(
        tmp_path, "config:\n  qudag-mcp:servers: {weather: {image: a/b:1}, time: {image: a/b:1}}\n"
    )
    new = config_of(tmp_path, file.with_server(ENTRY))["qudag-mcp:servers"]
    assert new == {"weather": FIELDS, "time": {"image": "a/b:1"}}


ODD_WORDS = (
    *("yes", "null", "", " a", "a: b", "a #b", "1", "0o17", "1_000", "-", "&a", "*a", "!a", "é"),
    *("\u2028", "a\nb", "\x00\x1b[2J", '"', "'", "{a}", "[", "a,b", "~", "<<", "=", "1:30", "a:"),
    "2026-01-01",
)


@pytest.mark.parametrize("value", ODD_WORDS)
def test_a_value_is_read_as_it_was_given(tmp_path: Path, value: str):
    entry = Entry("weather", {"image": "a/b:1", "command": [value], "env": {"A": value}})
    new = read(tmp_path, AWKWARD["braces"]).with_server(entry)
    found = config_of(tmp_path, new)["qudag-mcp:servers"]["weather"]
    assert found == dict(entry.fields)


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  a:b: &servers {time: {image: a/b:1}}\n  qudag-mcp:servers: *servers\n",
        "config:\n  qudag-mcp:servers: text\n",
        "config: &c\n  qudag-mcp:servers:\n    weather: &w {image: a/b:1}\n    time: *w\n",
    ],
)
def test_a_section_that_stands_elsewhere_is_refused(tmp_path: Path, text: str):
    file = read(tmp_path, text)
    with pytest.raises(ProblemReport):
        file.with_server(ENTRY)


def test_a_file_is_replaced_with_its_mode_and_through_its_link(tmp_path: Path):
    real = tmp_path / "elsewhere.yaml"
    real.write_text(AWKWARD["comments"])
    real.chmod(0o640)
    file = read(tmp_path, "config:\n  qudag-mcp:topology: none\n")
    (tmp_path / "Pulumi.dev.yaml").unlink()
    (tmp_path / "Pulumi.dev.yaml").symlink_to(real)
    file = StackFile.read(tmp_path, "dev")
    file.write("config: {}\n")
    assert (tmp_path / "Pulumi.dev.yaml").is_symlink()
    assert real.read_text() == "config: {}\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
@pytest.mark.parametrize("at", ["fsync", "copymode"])
def test_an_interrupted_write_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, at: str
):
    def stopped(*_: object) -> None:
        raise failure

    file = read(tmp_path, AWKWARD["comments"])
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(os if at == "fsync" else stack_file.shutil, at, stopped)
    with pytest.raises(type(failure)):
        file.write("config: {}\n")
    assert file.file.read_text() == AWKWARD["comments"]
    assert sorted(os.listdir(tmp_path)) == before


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path):
    file = read(tmp_path, AWKWARD["comments"])
    file.file.write_text("config: {a:b: c}\n")
    with pytest.raises(ProblemReport, match="has changed since"):
        file.write("config: {}\n")
    assert file.file.read_text() == "config: {a:b: c}\n"


def test_a_program_of_another_project_is_refused(tmp_path: Path):
    (tmp_path / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    (tmp_path / "__main__.py").write_text("")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {a:b: c}\n")
    with pytest.raises(ProblemReport, match="only qudag-mcp has the section servers"):
        StackFile.read(tmp_path, "dev")
