# python -m pytest tests/test_remove_source.py
"""A speaker is withdrawn from a real DVC repository with two models, an experiment and a remote.

A further test set has the same recordings; what training has seen of them is not scored.

Its stages are this repository's, but for those that need weights: the audit finds no fault, and
what is called training hashes its manifest.
"""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from asr.core.files import read_json
from asr.core.params import read_yaml
from asr.core.result_cache import result_cache
from asr.utterances.utterance import read_manifest
from tests.corpus_examples import jsonl
from tests.examples import tone, wav
from tests.pipeline_repo import ROOT, PipelineRepo

pytestmark = pytest.mark.integration

WORDS = ["aist", "babr", "varan", "gusь", "dzik", "jenot", "zubr", "ibis", "karp", "losь"]
TWIN = 7  # of whom somebody else has a recording too, which is a duplicate
DATA = (
    "fetch", "segment", "prepare", "split", "licenses", "fetch_test", "prepare_test", "test_set",
    "guard_others", "guard_set",
)  # fmt: skip
OUTS = ("data/", "models/", "metrics/")
LINKS = ("asr", "stages", "commands", "tests")
WITHOUT_WEIGHTS = {
    "judge": {"cmd": "mkdir -p models/judge", "outs": ["models/judge"]},
    "audit": {
        "foreach": "${corpora}",
        "do": {
            "cmd": "python -c \"from tests.audit_csv import *; write_audit_of('${key}', 0)\"",
            "deps": ["data/prepared/${key}"],
            "outs": ["data/audit/${key}.csv"],
        },
    },
    "base": {
        "cmd": "python -c \"from tests.tiny_tokens import *; write_tokens(Path('models/base'))\"",
        "outs": ["models/base"],
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
}


def sound(speaker: int, number: int) -> bytes:
    return wav(tone(0.5, hz=200.0 + 10 * speaker + number))


def data_stages():
    """This repository's, without their dependencies on code."""
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    chosen = {name: stages[name] for name in DATA}
    for stage in chosen.values():
        stage = stage.get("do", stage)
        stage["deps"] = [
            path for path in stage["deps"] if path.startswith(("data/", "models/", "metrics/"))
        ]
    return chosen


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """Ten speakers of three sentences and one rejected; a commit, a remote, an experiment."""
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
    corpora = text[text.index("  be:") : text.index("test_sets:")]
    line = "  zz: {format: jsonl, language: be, source: home}  # our own\n\n"
    same = "{format: jsonl, language: be, source: home, on_leak: drop_from_test}"
    text = text.replace(corpora, line).replace(
        "\ntest_sets: {} ", f"\ntest_sets: {{phone: {same}}} "
    )
    text = re.sub(r"  others: .*\n(    .*\n)+", "  others: {}\n", text)
    (repo.folder / "params.yaml").write_text(text)
    (repo.folder / "conf").mkdir()
    shutil.copy(ROOT / "conf/models.yaml", repo.folder / "conf")
    home = f"home: {{kind: folder, path: {source}, license: CC0-1.0}}\n"
    (repo.folder / "conf" / "sources.yaml").write_text(home)
    (repo.folder / "dvc.yaml").write_text(json.dumps({"stages": data_stages() | WITHOUT_WEIGHTS}))
    for name in LINKS:
        (repo.folder / name).symlink_to(ROOT / name)
    (repo.folder / ".gitignore").write_text("".join(f"/{name}\n" for name in LINKS))
    repo.run("git", "init", "--quiet", "--initial-branch", "main")
    repo.run("dvc", "init", "--quiet")
    repo.run("dvc", "remote", "add", "storage", str(tmp_path_factory.mktemp("remote")))
    repo.run("dvc", "repro", "--quiet")
    repo.commit("A first model")
    repo.run("dvc", "push", "--quiet", "--remote", "storage")
    repo.run("dvc", "exp", "run", "--quiet", "--name", "faster", "-S", "train.lr=1e-3")
    return repo


def remove_source(repo, *words, **more):
    return repo.run("python", "-m", "commands.remove_source", "--corpus", "zz", *words, **more)


def newest_proof(repo):
    return read_json(max(repo.folder.glob("metrics/withdrawals/zz-*.json")))


def learned_speaker(repo):
    """One whose sentences the models learned from."""
    utterances = read_manifest(repo.folder / "data/manifests/train.jsonl")
    speakers = {one.speaker_id for one in utterances} - {f"s{TWIN}", "twin"}
    return int(min(speakers)[1:])


def holding(folder, speaker):
    """Files below a folder in which the speaker's words or sounds can be found."""
    wanted = [WORDS[speaker].encode(), *(sound(speaker, number) for number in range(4))]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(LINKS):
            content = path.read_bytes()
            if content.startswith(b"PAR1"):
                content = str(pq.read_table(path, columns=["text"]).to_pylist()).encode()
            if any(one in content for one in wanted):
                found.append(str(path.relative_to(folder)))
    return found


def test_a_speaker_is_gone_and_stays_gone(repo):
    speaker = learned_speaker(repo)
    remote = Path(repo.run("dvc", "remote", "list").split()[1])
    with result_cache(repo.folder / ".dvc/tmp/audit/zz") as results:
        results.put("a batch of the audit", {"hypotheses": WORDS})
    (killed_pull := repo.folder / ".dvc/cache/files/md5/ab/half.tmp").parent.mkdir(exist_ok=True)
    killed_pull.write_bytes((repo.folder / "data/raw/zz/files.tar").read_bytes()[:-9999])
    before = holding(repo.folder, speaker)
    cached = {f".dvc/tmp/{stage}/zz/results.sqlite" for stage in ("prepare", "audit")}
    assert {"hypotheses.jsonl", "data/raw/zz/files.tar", *cached} <= set(before)
    assert "data/test_sets/raw/phone/files.tar" in before
    assert len(before) > 10
    assert holding(remote, speaker)
    params = read_yaml(repo.folder / "params.yaml")

    # Only a look; by the test set's name it is the same.
    phone = remove_source(repo, "--corpus", "phone", "--speaker", f"s{speaker}", "--dry-run")
    assert " recordings and utterances of test_sets.phone, corpora.zz\n" in phone
    said = remove_source(repo, "--speaker", f"s{speaker}", "--dry-run")
    assert "/faster, workspace) was trained on some of them" in said
    assert re.search(r"models/tuned [0-9a-f]{12} \([0-9a-f]{12}[, ]", said)
    assert holding(repo.folder, speaker) == before

    # Data are fetched anew from the source, which still has him.
    said = remove_source(repo, "--speaker", f"s{speaker}")
    assert "cache: searched" in said
    assert holding(repo.folder, speaker) == []
    assert read_json(repo.folder / "metrics/data.json")["corpora"]["zz"]["num_utterances"] == 27
    scored = read_manifest(repo.folder / "data/test_sets/manifests/phone.jsonl")
    assert {one.corpus for one in scored} == {"phone"}  # it is made again too
    proof = newest_proof(repo)
    assert len(proof["models"]) == 2 and all(model["saw"] for model in proof["models"])
    assert proof["left"] == {"ours": [], "others": [], "cache": []}
    assert proof["removed"]["cache"] and "hypotheses.jsonl" in proof["removed"]["ours"]
    assert len(proof["sha256_of_sounds"]) == 4 + 3  # recordings, utterances
    assert proof["remotes_not_searched"] == ["storage"]
    assert f"zz/{speaker}-" not in json.dumps(proof)

    # What is only in the remote is known again by the proof.
    said = remove_source(repo, "--speaker", f"s{speaker}", "--no-repro", "--remote", "storage")
    assert "remote storage: searched" in said
    assert holding(remote, speaker) == []
    # A list that names what is gone would keep the next push from sending it.
    objects = {"".join(path.parts[-2:]): path for path in remote.rglob("*/??/*")}
    lists = [json.loads(path.read_text()) for oid, path in objects.items() if oid.endswith(".dir")]
    assert lists and all(entry["md5"] in objects for listed in lists for entry in listed)
    assert newest_proof(repo)["models"] == proof["models"]
    # The rule is there, beside its line's comment, and nothing else changed.
    assert "# our own" in (repo.folder / "params.yaml").read_text()
    rule = {"speakers": [f"s{speaker}"]}
    params["corpora"]["zz"]["withdrawn"] = params["test_sets"]["phone"]["withdrawn"] = rule
    assert read_yaml(repo.folder / "params.yaml") == params

    # And what is trained now is another model.
    repo.run("dvc", "repro", "--quiet")
    assert holding(repo.folder, speaker) == []
    tuned = read_yaml(repo.folder / "dvc.lock")["stages"]["train"]["outs"][0]["md5"]
    assert tuned not in {model["md5"] for model in proof["models"]}


def test_what_somebody_else_has_too_is_said_to_be_left(repo):
    said = remove_source(repo, "--speaker", f"s{TWIN}", succeeds=False)
    assert "also belongs to others there: withdraw those as well" in said
    left = newest_proof(repo)["left"]["ours"]
    assert {"data/raw/zz/files.tar", "data/prepared/zz/00000.parquet"} <= set(left)
    # What the data need stays whole.
    stages = read_yaml(repo.folder / "dvc.lock")["stages"]
    objects = [out["md5"] for name in ("fetch@zz", "prepare@zz") for out in stages[name]["outs"]]
    cache = repo.folder / ".dvc/cache/files/md5"
    assert objects and all((cache / oid[:2] / oid[2:]).is_file() for oid in objects)


def test_where_data_cannot_be_made_anew_nothing_is_lost_unless_asked_for(repo):
    speaker = learned_speaker(repo)
    source = repo.folder / "conf" / "sources.yaml"
    source.write_text(source.read_text().replace("path: ", "path: /no/such/folder"))
    cache = repo.folder / ".dvc/cache"
    before = holding(cache, speaker)
    said = remove_source(repo, "--speaker", f"s{speaker}", succeeds=False)
    assert "failed to reproduce 'fetch@zz'" in said
    assert before and holding(cache, speaker) == before

    # What is theirs is known from the cache alone: DVC has removed data/raw before it ran fetch.
    remove_source(repo, "--speaker", f"s{speaker}", "--no-repro")
    # Manifests that had to go for another speaker are remembered, if not whom they named.
    models = newest_proof(repo)["models"]
    assert models and all(model["saw"] for model in models)
    assert holding(repo.folder, speaker) == []


def test_what_nobody_said_is_refused_and_nothing_written(repo):
    raw = repo.folder / "data/raw/zz"
    raw.mkdir(parents=True, exist_ok=True)  # without its tar, as --no-repro leaves it
    (raw / "source.json").write_text("{}")
    (raw / "files.tar").unlink(missing_ok=True)
    before = (repo.folder / "params.yaml").read_text()
    said = remove_source(repo, "--source", "nobody/*", succeeds=False)
    assert "remove_source: corpora.zz: expected recordings of speakers=[] sources=['nob" in said
    assert (repo.folder / "params.yaml").read_text() == before
