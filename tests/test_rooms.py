# python -m pytest tests/test_rooms.py
"""A file imports from its own room and from lower ones, so that the rooms stay free of circles."""

import ast
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from asr.core.closure import file_of, imported_names

ROOT = Path(__file__).parents[1]

# From the ground up; folders of asr/, then what calls them. What a room finds by name at run time,
# such as corpus formats or a family's parts, may stand above it. `*` is any family.
ROOMS = [
    "core",
    "text",
    "utterances",
    "features",
    "ctranslate2_files",  # of Whisper
    "networks",
    "generation",
    "corpora",
    "corpus_formats",
    "sources",
    "audio",
    "devices",
    "workers",
    "trackers",
    "alignment",
    "families",  # what every family offers; a family itself stands higher
    "preparation",
    "splits",
    "audit",
    "training",
    "averaging",
    "language_model",
    "decoding",
    "scoring",
    "export",
    "champion",
    "families/*",
    "families/*/tokens",
    "families/*/runtime",
    "families/*/model",
    "families/*/base",
    "families/*/training",
    "families/*/decoding",
    "families/*/judge",
    "families/*/alignment",
    "families/*/export",
    "guards",
    "prediction",
    "pods",
    "redraft",
    "serving",
    "experiments",
    "planning",
    "data_export",
    "ranking",
    "harvest",
    "withdrawal",
    "doctor",
    "report",
    "packages",
    "stages",
    "commands",
]

# Files of the top folder that the README's list leaves out: GitHub shows them by itself.
UNLISTED = {
    "CHANGELOG.md", "CONTRIBUTING.md", "DATA_LICENSES.md", "LICENSE", "Makefile", "README.md",
    "SECURITY.md", "dvc.lock", "pyproject.toml",
}  # fmt: skip


def room(file: str) -> str:
    """The room of a file, which may be in a folder inside that room."""
    parts = Path(file).parent.parts
    if parts[:2] == ("asr", "families") and len(parts) > 2:
        return "/".join(["families/*", *parts[3:4]])
    return "/".join(parts[1:2] if parts[0] == "asr" else parts[:1])


def files(root: Path) -> list[str]:
    found = (path for top in ("asr", "stages", "commands") for path in (root / top).rglob("*.py"))
    return sorted(str(path.relative_to(root)) for path in found)


def imports(file: str, root: Path) -> set[str]:
    names = imported_names(root / file, {})
    return {target for name in names if (target := file_of(name, root))} - {file}


def faults(root: Path) -> Iterator[str]:
    height = {name: height for height, name in enumerate(ROOMS)}
    for file in files(root):
        for target in sorted(imports(file, root) - {"asr/__init__.py"}):
            ours, theirs = room(file), room(target)
            if ours != theirs and height.get(theirs, len(ROOMS)) > height.get(ours, -1):
                yield f"{file}, in {ours}, imports {target}, in {theirs}: not a lower room"


def test_every_room_is_in_the_table_and_no_file_lies_beside_the_rooms():
    found = {room(file) for file in files(ROOT) if file != "asr/__init__.py"}
    assert found == set(ROOMS), f"not in one of both: {sorted(found ^ set(ROOMS))}"


def test_the_top_folder_holds_what_the_readme_lists():
    """A benchmark once copied the repository into a folder named after its own option."""
    if not (ROOT / ".git").exists():
        pytest.skip("an unpacked archive lists no tracked files")
    command = ["git", "ls-files", "-z"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {name.split("/")[0] for name in tracked.split("\0") if name and not name.startswith(".")}
    listed = set((ROOT / "README.md").read_text().split("## Where things live")[1].split())
    assert not {name for name in top if listed.isdisjoint({name, f"{name}/"})} - UNLISTED


def test_every_import_leads_to_the_same_room_or_a_lower_one():
    assert not (found := list(faults(ROOT))), "\n".join(found)


def test_no_file_imports_itself_through_others():
    graph = {file: imports(file, ROOT) for file in files(ROOT)}
    assert TopologicalSorter(graph).prepare() is None  # a CycleError lists the circle's files


def test_every_folder_says_in_a_docstring_what_it_holds():
    folders = {(ROOT / file).parent for file in files(ROOT) if file.startswith("asr/")}
    for folder in sorted(folders):
        tree = ast.parse((folder / "__init__.py").read_bytes())
        assert ast.get_docstring(tree), f"{folder}/__init__.py: no docstring"


def test_the_message_names_the_import_and_both_rooms(tmp_path):
    for file, line in {
        "asr/text/letters.py": "import asr.core.files",  # down
        "asr/core/files.py": "def f():\n    from asr.text import letters",  # up, inside a function
        "asr/families/mine/tokens.py": "from stages.fetch import fetch",
        "asr/core/cli.py": "import tests",  # no room at all
        "stages/fetch.py": "fetch = 1",
        "tests/__init__.py": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(line)
    assert list(faults(tmp_path)) == [
        "asr/core/cli.py, in core, imports tests/__init__.py, in tests: not a lower room",
        "asr/core/files.py, in core, imports asr/text/letters.py, in text: not a lower room",
        "asr/families/mine/tokens.py, in families/*, imports stages/fetch.py, in stages: "
        "not a lower room",
    ]
