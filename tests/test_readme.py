"""What the README shows works."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vidcache.cli.app import run_app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def command_lines():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    words = [shlex.split(line.split("|")[0], comments=True) for line in lines]
    return [w for w in words if w and w[0] == "vidcache"]


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.strip().splitlines()[-1])
def test_the_python_of_the_readme_runs(code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", command_lines(), ids=shlex.join)
def test_the_commands_of_the_readme_exist_with_their_flags(words, capsys):
    path = [words[1]] if words[1] != "bench" else words[1:3]
    assert run_app([*path, "--help"]) == 0
    help_text = capsys.readouterr().out
    for flag in (word for word in words if word.startswith("--")):
        assert flag in help_text


def test_the_scripts_of_the_readme_are_there():
    scripts = set(re.findall(r"^(scripts/\S+)", "\n".join(blocks("sh")), re.MULTILINE))
    assert scripts == {"scripts/demo.sh", "scripts/test.sh"}
    for script in scripts:
        assert (ROOT / script).stat().st_mode & 0o111


def test_the_links_of_the_readme_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert "LICENSE" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_results_of_the_readme_are_json_of_the_schema(tmp_path):
    from vidcache.video import read_jsonl

    path = tmp_path / "readme.jsonl"
    path.write_text("\n".join(blocks("json")), encoding="utf-8")
    recording = read_jsonl(path)
    assert recording.complete
    assert len(recording.frames) == len(recording.events) == 1
