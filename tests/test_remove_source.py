# python -m pytest tests/test_remove_source.py
"""A speaker is withdrawn from a real DVC repository with two models, an experiment and a remote.

Its stages are this repository's, but for two that need weights: the audit finds no fault, and what
is called training hashes its manifest.
"""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from asr.audit.answer_cache import remembered
from asr.core.files import read_json
from asr.core.params import read_yaml
from asr.corpora.raw_folder import RawFiles
from asr.utterances.utterance import read_manifest
from tests.corpus_examples import jsonl
from tests.examples import tone, wav
from tests.pipeline_repo import ROOT, PipelineRepo

pytestmark = pytest.mark.slow

WORDS = ["aist", "babr", "varan", "gusь", "dzik", "jenot", "zubr", "ibis", "karp", "losь"]
TWIN = 7  # of whom somebody else has a recording too, which is a duplicate
STAGES = {
    "fetch": {
        "foreach": "${corpora}",
        "do": {
            "cmd": "python -m stages.fetch --corpus ${key} --out data/raw/${key}",
            "params": ["corpora.${key}"],
            "outs": ["data/raw/${key}"],
        },
    },
    "prepare": {
        "foreach": "${corpora}",
        "do": {
            "cmd": "python -m stages.prepare --corpus ${key} --raw data/raw/${key} "
            "--out data/prepared/${key} --rejects data/rejects/${key}.csv "
            "--inventory data/inventory/${key}.csv --validation data/validation/${key}.json",
            "deps": ["data/raw/${key}"],
            "outs": ["data/prepared/${key}", "data/rejects/${key}.csv",
                     "data/inventory/${key}.csv", "data/validation/${key}.json"],
        },
    },
    "audit": {
        "foreach": "${corpora}",
        "do": {
            "cmd": "python -c \"from tests.audit_csv import *; write_audit_of('${key}', 0)\"",
            "deps": ["data/prepared/${key}"],
            "outs": ["data/audit/${key}.csv"],
        },
    },
    "split": {
        "cmd": "python -m stages.split --prepared data/prepared --rejects data/rejects "
        "--audit data/audit --manifests data/manifests --metrics metrics/data.json",
        "params": ["seed", "corpora", "split"],
        "deps": ["data/prepared/zz", "data/rejects/zz.csv", "data/audit/zz.csv"],
        "outs": [*(f"data/manifests/{name}.jsonl" for name in ("train", "dev", "test")),
                 "data/manifests/aside.csv"],
        "metrics": [{"metrics/data.json": {"cache": False}}],
    },
    "train": {
        "cmd": "mkdir -p models/tuned && "
        "cat data/manifests/train.jsonl params.yaml | sha256sum > models/tuned/weights",
        "params": ["seed", "train"],
        "deps": ["data/manifests/train.jsonl", "data/manifests/dev.jsonl"],
        "outs": ["models/tuned"],
    },
    "transcribe": {
        "cmd": "cat data/manifests/*.jsonl > hypotheses.jsonl",
        "deps": ["models/tuned", "data/manifests/test.jsonl"],
        "outs": ["hypotheses.jsonl"],
    },
}  # fmt: skip


def sound(speaker: int, number: int) -> bytes:
    return wav(tone(0.5, hz=200.0 + 10 * speaker + number))


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Ten speakers of three sentences and one rejected; a commit, an experiment, a remote."""
    repo = PipelineRepo(tmp_path_factory.mktemp("repo"))
    source = tmp_path_factory.mktemp("source")
    rows = []
    for speaker, word in enumerate(WORDS):
        for number in range(4):
            file = f"{speaker}-{number}.wav"
            (source / file).write_bytes(sound(speaker, number))
            said = f"{word} {number}" if number < 3 else f"{word} " * 20  # too much to be said
            rows.append({"audio_path": file, "text": said, "speaker_id": f"s{speaker}"})
    (source / "twin.wav").write_bytes(sound(TWIN, 0))
    rows.append({"audio_path": "twin.wav", "text": f"{WORDS[TWIN]} 0", "speaker_id": "twin"})
    (source / "all.jsonl").write_bytes(jsonl(*rows))
    text = (ROOT / "params.yaml").read_text()
    corpora = text[text.index("  be:") : text.index("prepare:")]
    line = "  zz: {format: jsonl, language: be, source: home}  # our own\n\n"
    (repo.folder / "params.yaml").write_text(text.replace(corpora, line))
    (repo.folder / "conf").mkdir()
    home = f"home: {{kind: folder, path: {source}, license: CC0-1.0}}\n"
    (repo.folder / "conf" / "sources.yaml").write_text(home)
    (repo.folder / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    for name in ("asr", "stages", "commands", "tests"):
        (repo.folder / name).symlink_to(ROOT / name)
    (repo.folder / ".gitignore").write_text("/asr\n/stages\n/commands\n/tests\n")
    repo.run("git", "init", "--quiet", "--initial-branch", "main")
    repo.run("dvc", "init", "--quiet")
    repo.run("dvc", "remote", "add", "storage", str(tmp_path_factory.mktemp("remote")))
    repo.run("dvc", "repro", "--quiet")
    repo.commit("A first model")
    repo.run("dvc", "push", "--quiet", "--remote", "storage")
    repo.run("dvc", "exp", "run", "--quiet", "--name", "faster", "-S", "train.lr=1e-3")
    repo.commit("A second model")
    repo.run("dvc", "push", "--quiet", "--remote", "storage")
    return repo


def remove_source(repo, *words, **more):
    return repo.run("python", "-m", "commands.remove_source", "--corpus", "zz", *words, **more)


def learned_speaker(repo):
    """One whose sentences the models learned from."""
    utterances = read_manifest(repo.folder / "data/manifests/train.jsonl")
    speakers = {one.speaker_id for one in utterances} - {f"s{TWIN}", "twin"}
    return int(min(speakers)[1:])


def holding(folder, speaker, but=()):
    """Files below a folder in which the speaker's words or sounds can be found."""
    sounds = [sound(speaker, number) for number in range(4)]
    wanted = [WORDS[speaker].encode(), *sounds]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not set(path.parts) & set(but):
            content = path.read_bytes()
            if content.startswith(b"PAR1"):
                content = str(pq.read_table(path, columns=["text"]).to_pylist()).encode()
            if any(one in content for one in wanted):
                found.append(str(path.relative_to(folder)))
    return found


LINKS = ("asr", "stages", "commands", "tests")


def test_a_speaker_is_gone_and_stays_gone(repo):
    speaker = learned_speaker(repo)
    source = read_yaml(repo.folder / "conf/sources.yaml")["home"]["path"]
    remote = remote_folder(repo)
    with remembered(repo.folder / ".dvc/tmp/audit/zz", "judge") as answers:
        answers.keep("what the audit asked", {"hypotheses": WORDS})
    before = holding(repo.folder, speaker, LINKS)
    audited = ".dvc/tmp/audit/zz/answers.sqlite"
    assert {"hypotheses.jsonl", "data/raw/zz/files.tar", audited} <= set(before)
    assert len(before) > 10
    assert holding(remote, speaker)
    models = {out["md5"] for out in lock(repo)["stages"]["train"]["outs"]}

    # Only a look.
    said = remove_source(repo, "--speaker", f"s{speaker}", "--dry-run")
    assert "faster" in said and "saw some of it" in said
    assert holding(repo.folder, speaker, LINKS) == before

    said = remove_source(repo, "--speaker", f"s{speaker}")
    assert "cache: searched" in said
    assert holding(repo.folder, speaker, LINKS) == []
    (first,) = repo.folder.glob("metrics/withdrawals/zz-*.json")
    proof = read_json(first)
    # Both runs of training had the same data.
    assert {model["md5"] for model in proof["models"]} > models and len(proof["models"]) == 2
    assert all(model["saw"] for model in proof["models"])
    assert [model["without_it"].split(";")[0] for model in proof["models"]].count("dvc repro") == 1
    assert proof["left"] == {"cache": [], "workspace": [], "scratch": []}
    assert proof["removed"]["cache"] and proof["removed"]["workspace"] == ["hypotheses.jsonl"]
    assert len(proof["sha256_of_recordings"]) == 4 and len(proof["sha256_of_samples"]) == 3
    assert "remote storage: --remote storage" in proof["not_searched"]
    assert f"zz/{speaker}-" not in first.read_text()

    # The rule is there, with its comment, and nothing else changed.
    diff = repo.run("git", "diff", "-U0", "params.yaml").splitlines()
    assert [line for line in diff if line[0] in "+-"][2:] == [
        "-  zz: {format: jsonl, language: be, source: home}  # our own",
        "+  zz: {format: jsonl, language: be, source: home, withdrawn: "
        f"{{speakers: [s{speaker}]}}}} # our own",
    ]
    # The source still has him; data that are fetched anew don't.
    assert holding(Path(source), speaker)
    repo.run("dvc", "repro", "--quiet", "--force", "--single-item", "fetch@zz")
    assert holding(repo.folder, speaker, LINKS) == []
    assert len(RawFiles(repo.folder / "data/raw/zz")) == 37
    assert read_json(repo.folder / "metrics/data.json")["corpora"]["zz"]["num_utterances"] == 27

    # What is only in the remote is known again by the proof.
    said = remove_source(repo, "--speaker", f"s{speaker}", "--remote", "storage")
    assert "remote storage: searched" in said
    assert holding(remote, speaker) == []
    assert all(model["saw"] for model in read_json(newest(repo))["models"])
    repo.run("dvc", "repro", "--quiet")
    assert holding(repo.folder, speaker, LINKS) == []
    assert lock(repo)["stages"]["train"]["outs"][0]["md5"] not in models


def test_what_somebody_else_has_too_is_said_to_be_left(repo):
    said = remove_source(repo, "--speaker", f"s{TWIN}", succeeds=False)
    assert "others in the data have it too: withdraw them as well" in said
    left = read_json(newest(repo))["left"]
    assert {"data/raw/zz/files.tar", "data/prepared/zz/00000.parquet"} <= set(left["workspace"])
    # What the data need stays whole.
    assert repo.run("dvc", "status", "split").count("up to date") == 1


def test_without_repro_what_held_it_is_removed(repo):
    speaker = learned_speaker(repo)
    remove_source(repo, "--speaker", f"s{speaker}", "--no-repro")
    # Manifests that had to go for another speaker are remembered, if not whom they named.
    models = read_json(newest(repo))["models"]
    assert models and all(model["saw"] for model in models)
    assert holding(repo.folder, speaker, LINKS) == []
    assert not any((repo.folder / f"data/{name}/zz").exists() for name in ("raw", "prepared"))
    assert (
        f"s{speaker}"
        in read_yaml(repo.folder / "params.yaml")["corpora"]["zz"]["withdrawn"]["speakers"]
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected --speaker or --source, got neither"),
        (["--source", "nobody/*"], "corpora.zz: expected utterances of source 'nobody/*' in data/"),
        (["--corpus", "yy", "--speaker", "s1"], "corpora.yy: no such corpus, there are ['zz']"),
    ],
)
def test_what_nobody_said_is_refused_and_nothing_written(repo, words, message):
    before = (repo.folder / "params.yaml").read_text()
    assert f"remove_source: {message}" in remove_source(repo, *words, succeeds=False).replace(
        "params.yaml: ", ""
    )
    assert (repo.folder / "params.yaml").read_text() == before


def newest(repo):
    return max(repo.folder.glob("metrics/withdrawals/zz-*.json"))


def lock(repo):
    return read_yaml(repo.folder / "dvc.lock")


def remote_folder(repo):
    return Path(repo.run("dvc", "remote", "list").split()[1])
