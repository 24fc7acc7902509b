"""What README says is true: its commands, its paths, its figures."""

import re
from pathlib import Path

import pytest

from benchmarks.tables import benchmark_table, read_results
from commands.scores import markdown_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Tests that run real commands: on the pipeline, the queue and a remote.
COMMAND_TESTS = "".join(
    (ROOT / "tests" / name).read_text(encoding="utf-8")
    for name in ("pipeline_repo.py", "test_pipeline.py", "test_queue.py", "test_fsck.py")
)


def commands():
    blocks = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line})


def section(name):
    return re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, flags=re.DOTALL)[1].strip()


@pytest.mark.parametrize("command", commands())
def test_every_command_is_one_that_a_test_runs_or_the_makefile_has(command):
    words = command.split()
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    elif words[0] == "dvc":
        verb = words[1:3] if words[1] in ("exp", "queue", "remote") else words[1:2]
        if words[1] in ("metrics", "params", "plots"):
            verb = words[1:3]
        assert ", ".join(f'"{word}"' for word in ("dvc", *verb)) in COMMAND_TESTS
    elif words[:2] == ["python", "-m"]:
        assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file()
        assert f'"{words[2]}"' in COMMAND_TESTS
    else:
        # The plain form is what the Makefile does.
        assert words[0] in ("python3", ".venv/bin/pip", "source")


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:[a-z.]+/)+[a-z_.]*|[a-z]+\.(?:yaml|txt))`", README)))
)
def test_every_path_is_there(path):
    written_by_stages = ("data/", "metrics/", ".dvc/tmp/")
    assert (ROOT / path).exists() or path.startswith(written_by_stages)


def test_every_place_of_the_tree_is_there():
    tree = re.search(r"## Where things live\n\n```\n(.*?)```", README, flags=re.DOTALL)[1]
    folder = ""
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = name
        place = ROOT / (folder + name if line.startswith(" ") else name)
        assert place.exists() or name in ("data/", "models/", "metrics/"), line


def test_the_score_table_is_that_of_the_committed_metrics():
    assert section("scores") == markdown_table(ROOT / "metrics").strip()


def test_the_benchmark_table_is_that_of_the_committed_results():
    results = read_results(ROOT / "benchmarks" / "results")
    assert section("benchmarks") == benchmark_table(results).strip()
