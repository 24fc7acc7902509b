"""dvc.yaml's deps are the import closure of each stage's script, no more and no less.

DVC does not follow imports: a module missing from deps changes results without a rerun.
"""

import re
from functools import cache
from pathlib import Path

import pytest
from dvc.repo import Repo

from asr.params import read_yaml
from tests.import_closure import import_closure

ROOT = Path(__file__).parent.parent


@cache
def code_deps() -> dict[str, tuple[str, set[str]]]:
    """By stage: the command, and those deps that are Python files."""
    with Repo(str(ROOT)) as repo:
        return {
            stage.addressing: (
                stage.cmd,
                {dep.def_path for dep in stage.deps if dep.def_path.endswith(".py")},
            )
            for stage in repo.index.stages
        }


FORMATS = [f"asr/corpora/{path.name}" for path in (ROOT / "asr/corpora").glob("[a-z]*.py")]


def needed_modules(stage: str, script: Path) -> set[str]:
    """The closure; for a corpus that of any format, since deps can't tell formats apart.

    So a corpus's line in params.yaml may name another format, and dvc.yaml stays as it is.
    """
    params = read_yaml(ROOT / "params.yaml")
    corpus = params["corpora"].get(stage.partition("@")[2], {})
    own = corpus.get("format", "")
    chosen = {
        "families": params["model"]["family"],
        "corpora": own,
        # A test set may be in any languages, so all of them are to be there.
        "text": " ".join(sorted({p.stem for p in (ROOT / "asr/text").glob("[!_]*.py")})),
    }
    needed = import_closure(script, chosen, ROOT)
    if any(module.startswith("asr/corpora/") for module in needed):
        for path in FORMATS:
            needed |= import_closure(Path(path), chosen, ROOT)
        needed -= set(FORMATS) - {f"asr/corpora/{own}.py"}
    return needed


@pytest.mark.parametrize("stage", sorted(code_deps()))
def test_deps_are_the_import_closure(stage):
    command, declared = code_deps()[stage]
    script = Path(*re.search(r"-m ([\w.]+)", command)[1].split(".")).with_suffix(".py")
    needed = needed_modules(stage, script)
    missing, needless = sorted(needed - declared), sorted(declared - needed)
    assert not missing, f"{stage}: add to deps in dvc.yaml: {missing}"
    assert not needless, f"{stage}: remove from deps in dvc.yaml: {needless}"


def test_no_stage_depends_on_how_another_family_is_decoded():
    _, training = code_deps()["train"]
    assert "asr/families/whisper/greedy.py" in training
    assert "asr/families/whisper/decode.py" not in training


def test_a_missing_and_a_needless_module_are_told_apart(tmp_path):
    (tmp_path / "asr").mkdir()
    (tmp_path / "asr" / "__init__.py").write_text('"""Only words."""\n')
    (tmp_path / "asr" / "a.py").write_text("import asr.b\n")
    (tmp_path / "asr" / "b.py").write_text("import json\n")
    (tmp_path / "asr" / "unused.py").write_text("")
    (tmp_path / "stage.py").write_text("def f():\n    from asr import a\n")
    assert import_closure(Path("stage.py"), {}, tmp_path) == {"stage.py", "asr/a.py", "asr/b.py"}


def test_every_stage_says_what_it_does_in_one_sentence():
    with Repo(str(ROOT)) as repo:
        unsaid = [stage.addressing for stage in repo.index.stages if not stage.desc]
    assert unsaid == []
