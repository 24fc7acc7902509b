# python -m pytest tests/test_champion.py
"""The tuned model beside the last released one, and two revisions side by side, with a real DVC."""

import re
import shutil
import subprocess
import sys
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path

import pytest
from dvc.repo import Repo

from asr.champion.revision import TEST, files_of, read_revision
from asr.champion.same_test_set import check_same_test_set
from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.params import read_yaml
from asr.scoring.normalizers import Normalizers, verbatim
from asr.utterances.hypothesis import Hypothesis, write_hypotheses
from asr.utterances.utterance import write_manifest
from commands.scores import main, text_table
from stages.champion import champion
from stages.compare import compare
from tests.examples import utterance

MANIFEST, HYPOTHESES, SCORES = (Path(path) for path in astuple(TEST))
PHONE = [Path(path) for path in astuple(files_of("phone"))]
ROOT = Path(__file__).parents[1]
IDS = Normalizers({"default": "spoken"}).ids(["be"])
TEST_SET = [utterance(f"{n:02}", text=f"адзін два тры {n % 7}") for n in range(12)]
RIGHT, ONE_WRONG, TWO_WRONG = "адзін два тры", "адзін два чатыры", "адзін пяць чатыры"


def write(test, text, manifest=MANIFEST, hypotheses=HYPOTHESES):
    """A test set and hypotheses that are all of ``text`` and the reference's number."""
    write_manifest(manifest, test)
    write_hypotheses(hypotheses, [
        Hypothesis(id=one.id, text=f"{text} {one.text.split()[-1]}", num_tokens=3,
                   mean_log_prob=-0.5, runaway=False) for one in test
    ])  # fmt: skip


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """v1 has two errors a clip, v2 one; at `odd` the test set is another, at `older` the scores'
    normalizer, at `unread` a key is missing, and at `empty` there is nothing."""
    folder = tmp_path_factory.mktemp("repo")
    shutil.copyfile(ROOT / "params.yaml", folder / "params.yaml")

    def git(*words):
        subprocess.run(["git", *words], cwd=folder, check=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "Test")
            patch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
        git("init", "--quiet")
        (folder / "conf/champion").mkdir(parents=True)
        (folder / "conf/champion/README.md").touch()
        with Repo.init() as dvc:
            git("add", "--all")
            git("commit", "--quiet", "--message", "empty")
            git("tag", "empty")
            odd = [one.model_copy(update={"text": "іншы тэкст"}) for one in TEST_SET[:2]]
            for tag, test, text, ids in (
                ("older", TEST_SET, TWO_WRONG, {"be": "spoken-0"}),
                ("odd", [*odd, *TEST_SET[2:11]], TWO_WRONG, IDS),
                ("unread", TEST_SET, TWO_WRONG, IDS),
                ("v1", TEST_SET, TWO_WRONG, IDS),
                ("v2", TEST_SET, ONE_WRONG, IDS),
            ):
                write(test, text)
                if tag == "unread":
                    lines = HYPOTHESES.read_text()
                    HYPOTHESES.write_text(lines.replace(',"runaway":false', ""))
                write_json(SCORES, {"normalizers": ids})
                write(TEST_SET, text.capitalize(), *PHONE[:2])
                write_json(PHONE[2], {"normalizers": {"be": verbatim.ID}})
                dvc.add([str(path) for path in (MANIFEST, HYPOTHESES, *PHONE[:2])])
                git("add", "--all")
                git("commit", "--quiet", "--message", tag)
                git("tag", "--annotate", "--message", "A release", tag)
    return folder


@pytest.fixture
def here(repo, monkeypatch):
    """The repository as the working folder, its params as committed."""
    monkeypatch.chdir(repo)
    yield repo
    shutil.copyfile(ROOT / "params.yaml", "params.yaml")


def name_champion(value):
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8")
    assert '  champion: ""' in text
    path.write_text(text.replace('  champion: ""', f'  champion: "{value}"'), encoding="utf-8")


def stored(out, folder="conf/champion"):
    champion("test", MANIFEST, HYPOTHESES, SCORES, Path(folder), out)
    return read_json(out / "champion.json")


def compared(out):
    """metrics/compare.json of v2 as tuned, and of a base model with as many errors."""
    path = out.with_name("compare.json")
    compare("test", MANIFEST, HYPOTHESES, HYPOTHESES, out, path)
    return read_json(path)


def run_scores(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["scores", *words])
    return main()


def commit_of(tag):
    command = ["git", "rev-parse", f"{tag}^{{commit}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_revision_is_read_from_the_cache(here):
    found = read_revision("v1")
    assert (found.name, found.commit) == ("v1", commit_of("v1"))
    assert found.utterances == TEST_SET
    assert found.hypotheses["xx/00"].text == f"{TWO_WRONG} 0"
    assert found.normalizers == IDS


def test_without_a_champion_nothing_is_compared_with_it(here, tmp_path):
    assert stored(tmp_path / "champion") == {"name": None}
    assert "champion" not in compared(tmp_path / "champion")


def test_the_tuned_model_is_compared_with_the_champion(here, tmp_path):
    name_champion("v1")
    out = tmp_path / "champion"
    assert stored(out)["commit"] == commit_of("v1")
    found = compared(out)["champion"]
    wer = found["groups"]["overall"]["wer"]
    assert (wer["champion"], wer["tuned"], wer["verdict"]) == (0.5, 0.25, "better")
    assert found["groups"].keys() == {"overall", "corpus xx", "language be"}
    # The copy has the bytes of the original.
    assert found["hypotheses_sha256"] == sha256((out / "hypotheses.jsonl").read_bytes()).hexdigest()
    # The base has the tuned model's own hypotheses here.
    assert re.split("  +", text_table(tmp_path).splitlines()[1]) == [
        "overall", "0.250 [0.184, 0.316]", "0.250 [0.184, 0.316]", "0.000 [-0.066, 0.066]",
        "inconclusive", "0.500 [0.434, 0.566]", "-0.250 [-0.316, -0.184]", "better",
        "0.164 → 0.164", "12",
    ]  # fmt: skip


def test_the_champion_may_be_two_files_in_a_folder(here, tmp_path):
    folder = tmp_path / "released"
    folder.mkdir()
    shutil.copyfile(HYPOTHESES, folder / "hypotheses.jsonl")
    with pytest.raises(OSError, match=r"released/test\.jsonl"):
        stored(tmp_path / "champion", folder)
    shutil.copyfile(MANIFEST, folder / "test.jsonl")
    assert stored(tmp_path / "champion", folder)["name"] == str(folder)
    found = compared(tmp_path / "champion")["champion"]
    assert (found["commit"], found["groups"]["overall"]["wer"]["difference"]) == (None, 0.0)
    name_champion("v1")
    with pytest.raises(InputError, match=r"score\.champion: expected one champion, got 'v1' and "):
        stored(tmp_path / "champion", folder)


def test_another_test_set_is_refused_with_all_that_differs(here, tmp_path):
    name_champion("odd")
    with pytest.raises(InputError) as refused:
        stored(tmp_path / "champion")
    assert str(refused.value).startswith(
        "score.champion: odd can't be compared with data/manifests/test.jsonl, the test sets "
        "differ: 1 utterances of data/manifests/test.jsonl are not in odd, first 'xx/11'; "
        "2 utterances have another reference, first 'xx/00': 'іншы тэкст' in odd, "
        "'адзін два тры 0' in data/manifests/test.jsonl. "
    )
    assert not (tmp_path / "champion").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [({"sha256": "0" * 64}, "audio"), ({"language": "bg"}, "language"), ({"text": "б"}, "ref")],
)
def test_the_same_id_with_another_content_is_refused(change, what):
    one = utterance("a")
    check_same_test_set([one], [one.model_copy(update={"license": "MIT"})], "ours", "theirs")
    with pytest.raises(InputError, match=f"1 utterances have another {what}.*first 'xx/a'"):
        check_same_test_set([one], [one.model_copy(update=change)], "ours", "theirs")


def test_another_normalizer_is_refused_with_both_versions(here, tmp_path, monkeypatch):
    differ = rf"older can't be .* normalizers differ: be: spoken-0 in older, {IDS['be']} in "
    name_champion("older")
    stored(tmp_path / "champion")
    with pytest.raises(InputError, match=differ):
        compared(tmp_path / "champion")
    with pytest.raises(SystemExit, match=differ):
        run_scores(monkeypatch, "--compare", "older", "v2")


def test_two_revisions_are_printed_side_by_side(here, monkeypatch, capsys):
    assert run_scores(monkeypatch, "--compare", "v1", "v2") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["test", "set", "WER", "v1", "WER", "v2", "difference", "verdict",
                                "CER", "clips"]  # fmt: skip
    assert shown[1].startswith("overall    0.500 [0.434, 0.566]  0.250 [0.184, 0.316]  -0.250 ")
    assert [line.split()[0] for line in shown[1:3]] == ["overall", "corpus"]
    assert shown[4:] == [f"v1: commit {commit_of('v1')}", f"v2: commit {commit_of('v2')}",
                         f"Normalizers: {IDS['be']}"]  # fmt: skip


def test_two_revisions_are_compared_on_a_further_test_set_by_its_own_normalizer(
    here, monkeypatch, capsys
):
    path = Path("params.yaml")
    line = "{format: jsonl, language: be, source: fleurs, normalizer: verbatim}"
    params = path.read_text(encoding="utf-8")
    assert "\ntest_sets: {} " in params
    path.write_text(params.replace("\ntest_sets: {} ", f"\ntest_sets: {{phone: {line}}} "))
    assert run_scores(monkeypatch, "--compare", "v1", "v2", "--test-set", "phone") == 0
    shown = capsys.readouterr().out.splitlines()
    # «Адзін» with a capital letter is one error more than in test.
    assert shown[1].startswith("overall    0.750 [0.684, 0.816]  0.500 [0.434, 0.566]  -0.250 ")
    assert shown[-1] == f"Normalizers: {verbatim.ID}"
    with pytest.raises(SystemExit, match=r"scores: params\.yaml: corpora\.web: no such corpus"):
        run_scores(monkeypatch, "--compare", "v1", "v2", "--test-set", "web")
    with pytest.raises(SystemExit):
        run_scores(monkeypatch, "--test-set", "phone")


def test_the_files_of_a_further_test_set_are_those_of_dvc_yaml():
    words = read_yaml(ROOT / "dvc.yaml")["stages"]["champion_test"]["do"]["cmd"].split()
    assert {str(path) for path in PHONE} <= {word.replace("${key}", "phone") for word in words}


def test_the_working_tree_is_compared_too_and_differs_in_nothing(here, monkeypatch, capsys):
    run_scores(monkeypatch, "--compare", "v2", "workspace")
    assert " 0.000 [-0.066, 0.066] " in capsys.readouterr().out.splitlines()[1]
    with pytest.raises(SystemExit, match=r"scores: odd can't be .*; 2 utterances have another ref"):
        run_scores(monkeypatch, "--compare", "odd", "v2")


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("v9", "v9: expected a Git revision of this repository, got: .*v9.*git fetch --tags"),
        ("empty", r"empty:data/manifests/test\.jsonl: neither in Git at commit \w{12}, nor in DVC"),
    ],
)
def test_a_revision_that_is_not_there_is_named(here, revision, message):
    with pytest.raises(InputError, match=message):
        read_revision(revision)


def test_without_cache_it_comes_from_the_remote(here, tmp_path):
    with Repo() as dvc:
        with dvc.config.edit("local") as config:
            config["core"]["remote"] = "storage"
            config["remote"]["storage"] = {"url": str(tmp_path / "storage")}
        dvc.config.load()
        dvc.push(revs=["v1"])
        cache = Path(dvc.cache.local.path)
    cache.rename(tmp_path / "cache")
    assert read_revision("v1").utterances == TEST_SET
    (tmp_path / "storage").rename(tmp_path / "gone")
    with pytest.raises(InputError, match=r"v1:data/\S+: neither in Git .* nor in DVC's cache or "):
        read_revision("v1")
    (tmp_path / "cache").rename(cache)
    (here / ".dvc/config.local").unlink()


def test_what_this_code_cant_read_is_named_with_its_revision(here):
    with pytest.raises(InputError, match=r"^unread:data/hypotheses/tuned\.jsonl:1: runaway: Field"):
        read_revision("unread")
