# python -m pytest tests/test_redraft_command.py    (20 seconds)
"""commands.redraft with a tiny model, SQLite or Label Studio, and every place of audio."""

import json
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.params import load_params
from asr.corpora.recording import Recording
from asr.preparation.params import PrepareParams
from asr.preparation.screening import screen
from asr.redraft.audio import audio_loader
from asr.redraft.params import DatabaseBlock, load_redraft
from asr.utterances.utterance import write_manifest
from commands.redraft import FAILED, main
from tests.clips_table import ROOT, SQLITE, People, block, clip_id
from tests.corpus_examples import task
from tests.examples import tone, utterance, wav
from tests.label_studio_server import TOKEN, label_studio
from tests.tiny_families import WHISPER
from tests.web_server import LIMITS, serving

pytestmark = pytest.mark.integration
NUM = 6


@pytest.fixture(scope="module")
def model(made_once):
    """The same model as of tests/test_predict_command.py."""
    return (
        made_once("predict-whisper", lambda folder: WHISPER.write_base(folder / "model")) / "model"
    )


@pytest.fixture
def people(tmp_path, monkeypatch):
    """A table of clips with their audio in a folder, params of a fast search, and the block."""
    monkeypatch.chdir(tmp_path)
    params = (ROOT / "params.yaml").read_text().replace("num_beams: 5", "num_beams: 1")
    Path("params.yaml").write_text(params.replace("  device: auto", "  device: cpu"))
    Path("clips.db").touch()
    found = People(f"sqlite:///{tmp_path}/clips.db")
    for statement in SQLITE.split(";"):
        found.run(statement)
    found.fill(NUM)
    monkeypatch.setenv("CLIPS_DSN", found.address)
    Path("audio").mkdir()
    for number in range(1, NUM + 1):
        Path(f"audio/{number}.wav").write_bytes(sound(number))
    write_conf()
    return found


def sound(number):
    return wav(tone(0.3 + 0.1 * number, hz=200.0 + 100 * number))


def write_conf(words=None, **changes):
    """Without word times, which take another second to open the model for."""
    values = block(batch_clips=4).model_dump() | changes
    values["columns"]["words"] = words
    Path("redraft.yaml").write_text(json.dumps({"mine": values}))


def redraft(model, monkeypatch, *more):
    words = ["--block", "mine", "--conf", "redraft.yaml", "--model", str(model), *more]
    monkeypatch.setattr("sys.argv", ["redraft", *words])
    return main()


def test_pending_clips_get_drafts_with_words_and_the_next_run_does_nothing(
    people, model, monkeypatch, capsys
):
    write_conf(words="draft_words")
    assert redraft(model, monkeypatch, "--dry-run") == 0
    assert people.texts() == ["old"] * NUM
    said = capsys.readouterr().out
    assert said.startswith(f"mine: {NUM} clips without a draft of model ")
    assert said.count("\n  - old\n  + ") == 5
    assert redraft(model, monkeypatch, "--limit", "2") == 0
    assert "mine: 2 drafts written" in capsys.readouterr().out
    assert redraft(model, monkeypatch, "--name", "tuned-1") == 0
    rows = people.run("select draft_transcription, draft_confidence, draft_words, draft_model, "
                      "draft_version, claimed_by from clips order by id")  # fmt: skip
    for text, confidence, words, _, version, claimed_by in rows:
        assert text != "old" and 0 <= confidence <= 1 and len(version) == 20
        assert [word["word"] for word in json.loads(words)] == text.split()
        assert claimed_by is None
    assert [row[3] for row in rows] == ["model"] * 2 + ["tuned-1"] * (NUM - 2)
    capsys.readouterr()
    assert redraft(model, monkeypatch) == 0
    assert capsys.readouterr().out.startswith("mine: 0 clips without a draft")


def test_broken_audio_costs_its_clip_alone_and_the_reason_is_written(
    people, model, monkeypatch, capsys
):
    Path("audio/1.wav").unlink()
    Path("audio/2.wav").write_bytes(b"<html>no audio</html>")
    people.run("update clips set storage_path = %s where id = %s", "../clips.db", clip_id(3))
    people.run("update clips set storage_path = null where id = %s", clip_id(4))
    people.run("update clips set language = null where id = %s", clip_id(5))
    assert redraft(model, monkeypatch) == FAILED
    rows = people.run("select status, draft_failure from clips order by id")
    assert [status for status, _ in rows] == ["failed"] * 5 + ["pending"]
    reasons = ["expected a file, got none", "", "which leaves it", "expected audio, got none",
               "expected a language"]  # fmt: skip
    for (_, why), reason in zip(rows, reasons, strict=False):
        assert reason in why
    assert people.texts() == [*["old"] * 5, people.texts()[5]]
    printed = capsys.readouterr()
    assert "mine: 1 drafts written" in printed.out and "5 failed" in printed.out
    assert f"{clip_id(1)}: storage_path: 1.wav: expected a file" in printed.err


def test_drafts_that_are_the_same_or_not_sure_leave_their_clips(people, model, monkeypatch, capsys):
    assert redraft(model, monkeypatch, "--min-confidence", "1") == 0
    assert people.texts() == ["old"] * NUM
    assert f"{NUM} below --min-confidence" in capsys.readouterr().out
    assert redraft(model, monkeypatch) == 0
    people.run("update clips set draft_version = 'older'")
    people.run("update clips set draft_transcription = 'other' where id = %s", clip_id(2))
    capsys.readouterr()
    assert redraft(model, monkeypatch, "--only-changed") == 0
    assert f"1 drafts written; left as they are: {NUM - 1} the same" in capsys.readouterr().out
    versions = [v for (v,) in people.run("select draft_version from clips order by id")]
    assert versions.count("older") == NUM - 1 and versions[1] != "older"


def test_clips_of_the_test_set_get_no_draft(people, model, monkeypatch, capsys):
    """By id in the corpus of the block, and by the prepared audio in any."""
    params = load_params("prepare", PrepareParams)
    (passed,) = screen(Recording("x", "дом", sound(2), "x"), params)
    tests = [
        utterance(clip_id(1), corpus="mine", sha256="0" * 64),
        utterance("x", corpus="other", sha256=passed.sha256, row=1),
        utterance(clip_id(3), corpus="other", sha256="1" * 64, row=2),
    ]
    write_manifest(Path("data/manifests/test.jsonl"), tests)
    write_conf(corpus="mine")
    assert redraft(model, monkeypatch) == 0
    assert people.texts()[:2] == ["old", "old"]
    assert "old" not in people.texts()[2:]
    assert f"{NUM - 2} drafts written" in (said := capsys.readouterr().out)
    assert "2 of test sets" in said


@pytest.mark.parametrize(("options", "words"), [
    (["--run", "week 8"], r"--run: expected the label or id of one run in runs, got 'week 8'"),
    (["--conf", "nowhere.yaml"], "nowhere.yaml: expected YAML"),
    (["--block", "yours"], r"redraft\.yaml: yours: no such key, there are \['mine'\]"),
    (["--model", "nowhere"], "nowhere: expected a folder with a model"),
])  # fmt: skip
@pytest.mark.usefixtures("people")
def test_faults_end_in_one_line(options, words, model, monkeypatch):
    with pytest.raises(SystemExit, match=rf"^redraft: {words}"):
        redraft(model, monkeypatch, *options)


@pytest.mark.parametrize(("changes", "words"), [
    ({"dsn_env": "clips"}, "mine.database.dsn_env: String should match pattern"),
    ({"audio": {"kind": "folder", "column": "storage_path", "root": "no"}},
     r"mine\.audio\.root: expected a folder, got 'no'"),
    ({"audio": {"kind": "s3", "column": "storage_path", "bucket": "b", "region": "r",
                "endpoint_env": None, "key_env": "NO_KEY", "secret_env": "NO_SECRET"}},
     r"mine\.audio\.key_env: no environment variable \$NO_KEY"),
    ({"colour": 1}, "colour: Extra inputs are not permitted"),
])  # fmt: skip
@pytest.mark.usefixtures("people")
def test_faults_of_the_block_are_named(changes, words, model, monkeypatch):
    values = block().model_dump() | changes
    Path("redraft.yaml").write_text(json.dumps({"mine": values}))
    with pytest.raises(SystemExit, match=words):
        redraft(model, monkeypatch)


def test_the_audio_of_a_row():
    """As bytes, by URL, and the faults of both; the folder and S3 have tests of their own."""
    load = audio_loader(
        DatabaseBlock.model_validate(
            block().model_dump() | {"audio": {"kind": "bytes", "column": "sound"}}
        ).audio, LIMITS, "x",
    )  # fmt: skip
    assert load(b"abc") == b"abc" == load(memoryview(b"abc"))
    with pytest.raises(InputError, match="sound: expected bytes, got 'abc'"):
        load("abc")
    with serving(lambda path: b"abc" if path == "/1" else (410, {}, b"")) as url:
        audio = {"kind": "url", "column": "url", "allow_private": True}
        one = DatabaseBlock.model_validate(block().model_dump() | {"audio": audio}).audio
        load = audio_loader(one, LIMITS, "x")
        assert load(f"{url}/1") == b"abc"
        with pytest.raises(InputError, match=r"^url: could not be downloaded: status 410"):
            load(f"{url}/2")
        small = audio_loader(one, LIMITS.model_copy(update={"max_file_mb": 2e-6}), "x")
        with pytest.raises(InputError, match=r"url: .*expected at most 2 bytes"):
            small(f"{url}/1")


def studio_tasks(num):
    tasks = [task(number, "s1", "Tekst.") for number in range(1, num + 1)]
    for one in tasks[:-1]:  # the last one is annotated
        one["annotations"] = []
    for one in tasks:
        one["predictions"] = one["predictions"][: one["id"] % 2]
    return tasks


def test_label_studio_gets_predictions_and_keeps_its_annotations(
    people, model, monkeypatch, capsys
):
    uploads = {f"/data/upload/1/a1b2c3d4-{number}.wav": sound(number) for number in range(1, 5)}
    del uploads["/data/upload/1/a1b2c3d4-2.wav"]
    with label_studio(studio_tasks(5), uploads) as project:
        monkeypatch.setenv("LABEL_STUDIO_URL", project.address)
        monkeypatch.setenv("LABEL_STUDIO_TOKEN", TOKEN)
        found = load_redraft("label_studio", ROOT / "conf" / "redraft.yaml")
        values = found.model_dump() | {"batch_clips": 2, "retry_s": 3.0}
        Path("redraft.yaml").write_text(json.dumps({"mine": values}))
        before = json.dumps(project.tasks[4])
        project.faults = [503]
        assert redraft(model, monkeypatch) == FAILED
        said = capsys.readouterr()
        assert "mine: 4 clips without" in said.out and "3 drafts written" in said.out
        assert "status 503; trying again in 0.5 s" in said.err
        assert "2: $LABEL_STUDIO_URL: /data/upload/1/a1b2c3d4-2.wav: status 404\n" in said.err
        assert TOKEN not in said.err + said.out
        newest = [task["predictions"][-1:] for task in project.tasks]
        assert [len(one) for one in newest] == [1, 0, 1, 1, 1]
        (prediction,) = newest[0]
        assert prediction["model_version"].startswith("model ")
        assert 0 <= prediction["score"] <= 1
        (area,) = prediction["result"]
        assert (area["from_name"], area["to_name"], area["type"]) == (
            "transcription", "audio", "textarea")  # fmt: skip
        assert json.dumps(project.tasks[4]) == before
        posts = project.requests.count("POST /api/projects/1/import/predictions")
        monkeypatch.setenv("LABEL_STUDIO_TOKEN", f"a.{TOKEN}.b")  # a personal access token
        assert redraft(model, monkeypatch) == FAILED
        assert "mine: 1 clips without" in capsys.readouterr().out
        assert project.requests.count("POST /api/projects/1/import/predictions") == posts
        monkeypatch.setenv("LABEL_STUDIO_TOKEN", "wrong")
        with pytest.raises(
            SystemExit, match=r"^redraft: \$LABEL_STUDIO_URL: api/tasks: status 401"
        ):
            redraft(model, monkeypatch)
