# python -m pytest tests/test_dvc_yaml.py
"""A stage's code deps are the rooms that its script imports: none missing, none needless.

DVC does not follow imports: a module outside of deps changes results without a rerun.
"""

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dvc.repo import Repo

from asr.core.closure import import_closure
from asr.core.params import read_yaml

ROOT = Path(__file__).parents[1]
FAMILIES = sorted(path.parent.name for path in (ROOT / "asr/families").glob("*/__init__.py"))
# They say where and how visibly a stage runs, never what it writes.
TEST_SET = "a_test_set"
CHANGES_NO_OUT = ("asr/workers", "asr/trackers")
NO_GIT = {"core": {"no_scm": True}}  # so that an unpacked archive passes too


@cache
def code_deps() -> dict[str, tuple[str, set[str]]]:
    """By stage, those of a test set too: its script as a module, and those deps that are code."""
    with TemporaryDirectory() as folder:
        test_set = f"test_sets: {{{TEST_SET}: {{format: jsonl, language: be, source: x}}}}"
        params = (ROOT / "params.yaml").read_text().replace("test_sets: {}", test_set)
        Path(folder, "params.yaml").write_text(params)
        shutil.copy(ROOT / "dvc.yaml", folder)
        shutil.copytree(ROOT / "conf", Path(folder, "conf"))
        Repo.init(folder, no_scm=True).close()
        return read_deps(folder)


def read_deps(folder: str) -> dict[str, tuple[str, set[str]]]:
    with Repo(folder) as repo:
        return {
            stage.name: (
                re.search(r"-m ([\w.]+)", stage.cmd)[1],
                {dep.def_path for dep in stage.deps if re.match("asr/|stages/", dep.def_path)},
            )
            for stage in repo.index.stages
        }


@cache
def needed_files(stage: str, script: str, family: str) -> set[str]:
    """The script's closure; for a corpus that of any format, since deps can't tell formats apart.

    So a corpus's line in params.yaml may name another format, and dvc.yaml stays as it is.
    """
    params = read_yaml(ROOT / "params.yaml")
    corpora = {**params["corpora"], TEST_SET: {"format": "jsonl"}}
    corpus = corpora.get(stage.partition("@")[2], {})
    formats = [path.stem for path in (ROOT / "asr/corpus_formats").glob("[!_]*.py")]
    chosen = {
        "asr.families": [family],
        "asr.corpus_formats": formats,
        # A test set may be in any languages, so all of them are to be there.
        "asr.scoring.normalizers": [p.stem for p in ROOT.glob("asr/scoring/normalizers/[!_]*.py")],
    }
    files = import_closure(script, chosen).files
    others = {f"asr/corpus_formats/{name}.py" for name in formats if name != corpus.get("format")}
    if stage == "guard_others":  # reads corpora of any formats
        others = set()
    return {file for file in files - others if not file.startswith(CHANGES_NO_OUT)}


def within(file: str, place: str) -> bool:
    return file == place or file.startswith(f"{place}/")


def holds_words_alone(folder: Path) -> bool:
    """A role that a family has no use for."""
    return [path.name for path in folder.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("stage", sorted(code_deps()))
def test_deps_are_the_rooms_of_the_import_closure(stage, family):
    script, declared = code_deps()[stage]
    if (
        stage.startswith(("judge", "audit", "segment"))
        and not (ROOT / f"asr/families/{family}/judge").is_dir()
    ):
        pytest.skip("this family judges no transcripts")
    declared = {re.sub(r"(asr/families)/\w+/", rf"\1/{family}/", dep) for dep in declared}
    needed = needed_files(stage, script, family)
    missing = sorted(f for f in needed if not any(within(f, place) for place in declared))
    # dvc.yaml has one list for all families: a room or role may be needed by some of them alone.
    by_any = {
        re.sub(r"(asr/families)/\w+/", rf"\1/{family}/", file)
        for one in FAMILIES
        for file in needed_files(stage, script, one)
    }
    needless = sorted(
        d for d in declared
        if not any(within(file, d) for file in by_any) and not holds_words_alone(ROOT / d)
    )  # fmt: skip
    assert not missing, f"{stage}: add the rooms of these to deps in dvc.yaml: {missing}"
    assert not needless, f"{stage}: remove from deps in dvc.yaml: {needless}"


# Of another stage's room, the file with its table or its params; of a folder whose files are chosen
# by name, those that all have.
SINGLE_FILES = r"""
    stages/\w+ | asr/(audit/table|audit/params|scoring/params|preparation/rejects) |
    asr/report/(licenses|formatting) |
    asr/preparation/(params|found_segments) | asr/decoding/detection_rows |
    asr/guards/(params|kinds|others|decoding) | asr/training/replay | asr/corpus_formats/\w+ |
    asr/families/(params|protocols|\w+/window)
"""


def test_deps_are_whole_rooms():
    files = {dep for _, deps in code_deps().values() for dep in deps if dep.endswith(".py")}
    assert [f for f in sorted(files) if not re.fullmatch(rf"({SINGLE_FILES})\.py", f, re.X)] == []


@pytest.mark.parametrize(
    ("stage", "room"),
    [
        ("train", "asr/decoding"),
        ("train", "asr/families/whisper/decoding"),
        ("train", "asr/families/whisper/judge"),
        ("train", "asr/families/whisper/runtime"),
        ("train", "asr/families/whisper/base"),
        ("train", "asr/audit"),
        ("train", "asr/scoring"),
        ("transcribe@base", "asr/families/whisper/judge"),
        ("transcribe@base", "asr/families/whisper/training"),
        ("transcribe@base", "asr/training"),
        ("transcribe@base", "asr/audit"),
        ("audit@be", "asr/families/whisper/decoding"),
        ("audit@be", "asr/families/whisper/training"),
        ("export", "asr/training"),
        ("export", "asr/decoding"),
    ],
)
def test_an_edit_of_what_another_stage_does_reruns_nothing_here(stage, room):
    _, declared = code_deps()[stage]
    assert not [dep for dep in declared if within(room, dep) or within(dep, room)]


@pytest.mark.parametrize("room", ["asr/report", *CHANGES_NO_OUT])
def test_no_stage_but_the_report_hangs_on_how_things_are_shown_or_shared_out(room):
    stages = {stage for stage, (_, deps) in code_deps().items() if room in deps}
    assert stages == ({"report"} if room == "asr/report" else set())


def test_another_seed_trains_anew_on_the_same_splits():
    with Repo(str(ROOT), config=NO_GIT) as repo:
        seeded = {stage.addressing for stage in repo.index.stages for dep in stage.params
                  if "seed" in dep.params}  # fmt: skip
    assert seeded == {"train", "score@base", "score@tuned", "compare", "parity", "package"}


def test_a_missing_and_a_needless_module_are_told_apart(tmp_path):
    (tmp_path / "asr").mkdir()
    (tmp_path / "asr" / "__init__.py").write_text('"""Only words."""\n')
    (tmp_path / "asr" / "a.py").write_text("import asr.b\nimport regex\n")
    (tmp_path / "asr" / "b.py").write_text(
        "import json\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asr.unused\n"
    )
    (tmp_path / "asr" / "unused.py").write_text("x = 1\n")
    (tmp_path / "stage.py").write_text("def f():\n    from asr import a\n")
    closure = import_closure("stage", root=tmp_path)
    assert closure.files == {"stage.py", "asr/a.py", "asr/b.py"}
    assert closure.packages == {"regex"}


def test_no_stage_but_split_depends_on_a_folder_above_others_outs():
    """A removed corpus stays in it, and DVC can't pull it; split refuses strangers, and pulls."""
    with Repo(str(ROOT)) as repo:
        outs = {out.def_path for stage in repo.index.stages for out in stage.outs}
        above = {str(folder) for out in outs for folder in Path(out).parents}
        found = {
            (stage.addressing, dep.def_path)
            for stage in repo.index.stages
            for dep in stage.deps
            if dep.def_path in above
        }
    assert found == {("split", f"data/{name}") for name in ("prepared", "rejects", "audit")}


def test_every_stage_says_what_it_does_in_one_sentence():
    with Repo(str(ROOT), config=NO_GIT) as repo:
        unsaid = [stage.addressing for stage in repo.index.stages if not stage.desc]
    assert unsaid == []


def test_dvc_yaml_fits_a_few_screens():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 923  # 37 stages, 24 lines each
