# python -m pytest tests/test_rank_command.py
"""commands.rank from a manifest to a CSV, with hypotheses in files and with a model's folder."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import soundfile

from asr.core.csv_files import read_csv
from asr.core.params import load_params
from asr.prediction.clips import AudioSource, read_table
from asr.ranking.label_csv import COLUMNS
from asr.sources.params import FetchParams
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from commands.rank import main
from tests.examples import tone, utterance, wav
from tests.tiny_whisper import write_transformers

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    rows = []
    for number, name in enumerate(("short", "long", "other")):
        file = Path(f"clips/{name}.wav")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(wav(tone(0.4 + 0.2 * number)))
        rows.append({"id": name, "audio": f"clips/{name}.wav", "speaker": "s", "text": "стары"})
    Path("clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("base.jsonl").write_text(
        "".join(json.dumps({"id": row["id"], "text": "кот"}) + "\n" for row in rows)
    )
    write_tuned(short=-0.1, long=-0.9, other=-0.5)


def write_tuned(**log_probs: float) -> None:
    """Hypotheses for clips of a minute, as the file says."""
    lines = [
        {"utterance_id": name, "orthographic_text": f"{name} {name}", "duration_s": 60.0,
         "num_tokens": 5, "mean_log_prob": value, "runaway": False}
        for name, value in log_probs.items()
    ]  # fmt: skip
    Path("tuned.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def rank(*more: str) -> list[dict[str, str]]:
    main(["--manifest", "clips.jsonl", "--tuned", "tuned.jsonl", "--language", "be",
          "--out", "out.csv", *more])  # fmt: skip
    return list(read_csv(Path("out.csv"), COLUMNS))


def test_the_least_sure_come_first_within_the_minutes(capsys):
    rows = rank("--minutes", "2")
    assert [(row["rank"], row["id"], row["old_text"]) for row in rows] == [
        ("1", "long", "стары"), ("2", "other", "стары"),
    ]  # fmt: skip
    assert rows[0]["audio"] == str(Path("clips/long.wav").absolute())
    source = AudioSource(Path(), None, 9.0, load_params("fetch", FetchParams))
    assert [(one.id, one.text, len(one.load())) for one in read_table(Path("out.csv"), source)] == [
        ("long", "long long", 9600), ("other", "other other", 12800),
    ]  # fmt: skip
    assert capsys.readouterr().out == ("out.csv: 2 of 3 clips, 2.0 of 3.0 minutes, by confidence\n")


def test_label_studio_gets_urls_and_the_order_both_reads_two_models():
    url = "/data/local-files/?d="
    rows = rank("--order", "both", "--base", "base.jsonl", "--format", "label_studio",
                "--audio-url", url)  # fmt: skip
    assert [row["audio"] for row in rows] == [
        f"{url}clips/{name}.wav" for name in ("long", "other", "short")
    ]
    assert {row["other_text"] for row in rows} == {"кот"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--order", "both"), r"rank: --order both: expected --base with another model"),
        (("--format", "label_studio"), r"rank: --format label_studio: expected --audio-url"),
        (("--minutes", "0.5"), r"--minutes: expected the first clip to fit, of 60 s, got 0\.5"),
        (("--tuned", "gone.jsonl"), r"rank: .*gone\.jsonl"),
        (("--base", "params.yaml"), r"rank: params\.yaml:1: the line: Invalid JSON"),
    ],
)  # fmt: skip
def test_what_can_not_be_ordered_is_refused_in_a_line(more, message):
    with pytest.raises(SystemExit, match=message):
        rank(*more)
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "many"])
def test_minutes_are_above_0(minutes, capsys):
    with pytest.raises(SystemExit):
        rank("--minutes", minutes)
    assert f"argument --minutes: invalid positive value: '{minutes}'" in capsys.readouterr().err


def test_an_empty_pool_and_hypotheses_of_others_are_refused():
    write_tuned(short=-0.1, long=-0.9, stranger=-0.5)
    with pytest.raises(SystemExit, match=r"tuned\.jsonl: expected hypotheses for the 3 clips of"):
        rank()
    Path("clips.jsonl").write_text("")
    with pytest.raises(SystemExit, match=r"clips\.jsonl: expected a clip on each line, got none"):
        rank()


def test_clips_of_this_projects_own_manifest_are_written_as_wav():
    clips = []
    for name in ("short", "long"):
        audio = to_int16(tone(0.5)).tobytes()
        sha256 = hashlib.sha256(audio).hexdigest()
        clips.append((utterance(name, duration_s=0.5, sha256=sha256), audio))
    Path("data/prepared/xx").mkdir(parents=True)
    write_manifest(Path("own.jsonl"), write_shards(Path("data/prepared/xx"), clips, 2**20))
    write_tuned(**{"xx/short": -0.1, "xx/long": -0.2})
    with pytest.raises(SystemExit, match=r"own\.jsonl: 'xx/long': expected a file of audio, got a"):
        rank("--manifest", "own.jsonl")
    rows = rank("--manifest", "own.jsonl", "--wavs", "wavs", "--audio-url", "http://x/")
    assert [row["id"] for row in rows] == ["xx/long", "xx/short"]
    assert rows[0]["duration_s"] == "0.5"  # as in the manifest
    file = Path("wavs", rows[0]["audio"].removeprefix("http://x/"))
    assert soundfile.info(file).frames == 8000


@pytest.mark.integration
def test_a_models_folder_transcribes_the_clips_itself(capsys):
    write_transformers(Path("model"), max_source_positions=1500, max_target_positions=20)
    Path("clips/long.wav").write_bytes(b"?")
    rows = rank("--tuned", "model")
    assert [row["id"] for row in rows] == sorted(
        ("short", "other"), key=lambda name: -float({r["id"]: r["value"] for r in rows}[name])
    )
    assert {row["id"]: row["duration_s"] for row in rows} == {"short": "0.4", "other": "0.8"}
    assert "1 clips could not be read and are left out" in capsys.readouterr().out
    lines = [json.loads(line) for line in Path("out.csv.tuned.jsonl").read_text().splitlines()]
    assert [(line["utterance_id"], line["num_tokens"] > 0) for line in lines] == [
        ("short", True), ("other", True),
    ]  # fmt: skip
