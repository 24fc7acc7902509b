# python -m pytest tests/test_export.py
"""What is exported, read again by our own readers."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from transformers import AutoProcessor

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.corpora.raw_folder import FILES, Provenance, RawFiles, write_files, write_provenance
from asr.data_export.datasets import EXPORT_FORMATS
from asr.families.qwen3_asr.tokens import open_tokens
from asr.sources.corpus_source import fetch_files
from asr.sources.folder import Source
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from commands.export_data import export_data
from tests.examples import tone, utterance
from tests.tiny_families import QWEN3_ASR
from tests.web_server import LIMITS

READERS = {"nemo": "nemo", "audiofolder": "audiofolder", "drivendata": "jsonl"}
TEXTS = ["Добры дзень.", 'a "quoted", text', "שלום", "../x", "two  spaces", "U+2028\u2028 inside"]


@pytest.fixture
def prepared(tmp_path):
    """Six prepared utterances, four in train and two in test; returns the folder."""
    folder = tmp_path / "prepared"
    (folder / "xx").mkdir(parents=True)
    clips = []
    for n, text in enumerate(TEXTS):
        samples = to_int16(tone(0.2 + n / 100, hz=200.0 + n)).tobytes()
        sha256 = hashlib.sha256(samples).hexdigest()
        clips.append((utterance(
            f"../b/{n}\u200f", text=text, sha256=sha256, duration_s=0.2 + n / 100, language="he",
            speaker_id=f"s{n % 2}", session_id=None, attributes={"age_bucket": "5-7"},
        ), samples))  # fmt: skip
    placed = write_shards(folder / "xx", clips, 1 << 20)
    write_manifest(tmp_path / "train.jsonl", placed[:4])
    write_manifest(tmp_path / "test.jsonl", placed[4:])
    return folder


def exported(prepared, form):
    out = prepared.parent / "out"
    manifests = [prepared.parent / f"{split}.jsonl" for split in ("train", "test")]
    export_data(form, manifests, prepared, out)
    return out


def samples_sha256(content):
    samples, rate = soundfile.read(io.BytesIO(content), dtype="int16")
    assert (rate, samples.ndim) == (16_000, 1)
    return hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()


@pytest.mark.parametrize("form", READERS)
def test_what_was_exported_is_read_again_the_same(prepared, form, tmp_path):
    out = exported(prepared, form)
    reader = corpus_format(READERS[form])
    files = list(fetch_files(Source(kind="folder", path=str(out), license="MIT"),
                       lambda name: reader.wants(name, "he"), LIMITS))  # fmt: skip
    write_files(tmp_path / FILES, files)
    write_provenance(tmp_path, Provenance(
        kind="folder", origin="x", sha256=None, license="MIT", num_files=len(files)))  # fmt: skip
    found = {one.name: one for one in reader.read(RawFiles(tmp_path), "he", {})}
    assert sorted(found) == sorted(f"xx/../b/{n}\u200f" for n in range(6))
    for n, text in enumerate(TEXTS):
        one = found[f"xx/../b/{n}\u200f"]
        assert (one.text, one.speaker_id, one.session_id) == (text, f"s{n % 2}", None)
        assert one.attributes["split"] == ("train" if n < 4 else "test")
        assert form == "nemo" or one.attributes["age_bucket"] == "5-7"
        expected = hashlib.sha256(to_int16(tone(0.2 + n / 100, hz=200.0 + n)).tobytes())
        assert samples_sha256(bytes(one.audio)) == expected.hexdigest()


@pytest.mark.integration
def test_datasets_loads_the_audiofolder(prepared):
    import datasets

    out, cache = exported(prepared, "audiofolder"), prepared.parent / "cache"
    splits = datasets.load_dataset(str(out), cache_dir=str(cache), streaming=True)
    assert isinstance(splits["train"].features["audio"], datasets.Audio)
    # In Arrow's format, since datasets 5 has no other decoder of audio than torchcodec.
    rows = {
        name: [row for table in split.with_format("arrow") for row in table.to_pylist()]
        for name, split in splits.items()
    }
    assert {name: [row["transcription"] for row in found] for name, found in rows.items()} == {
        "train": TEXTS[:4],
        "test": TEXTS[4:6],
    }
    assert [row["speaker_id"] for row in rows["train"]] == ["s0", "s1", "s0", "s1"]
    expected = hashlib.sha256(to_int16(tone(0.25, hz=205.0)).tobytes()).hexdigest()
    assert samples_sha256(Path(rows["test"][1]["audio"]["path"]).read_bytes()) == expected


def test_qwen3_asr_has_absolute_paths_and_the_languages_name(prepared):
    out = exported(prepared, "qwen3_asr")
    lines = [json.loads(line) for line in (out / "train.jsonl").read_text().split("\n")[:-1]]
    assert [line["text"] for line in lines] == [f"language Hebrew<asr_text>{t}" for t in TEXTS[:4]]
    for n, line in enumerate(lines):
        assert line.keys() == {"audio", "text"}
        path = Path(line["audio"])
        assert path.is_absolute() and path.is_relative_to(out) and path.suffix == ".wav"
        expected = hashlib.sha256(to_int16(tone(0.2 + n / 100, hz=200.0 + n)).tobytes())
        assert samples_sha256(path.read_bytes()) == expected.hexdigest()


# finetuning/README.md of QwenLM/Qwen3-ASR at 7c6daf7: «each line must contain» these.
QWENS_FIELDS = {"audio": "path to a WAV file", "text": "transcript text, with a language prefix"}


def test_qwen3_asr_has_every_field_of_qwenlms_readme_and_no_other(prepared):
    out = exported(prepared, "qwen3_asr")
    for split, number in (("train", 4), ("test", 2)):
        lines = [json.loads(one) for one in (out / f"{split}.jsonl").open(encoding="utf-8")]
        assert len(lines) == number
        for line in lines:
            assert line.keys() == QWENS_FIELDS.keys()
            assert soundfile.info(line["audio"]).format == "WAV"
            assert soundfile.info(line["audio"]).samplerate == 16_000
            prefix, tag, transcript = line["text"].partition("<asr_text>")
            assert (prefix, tag) == ("language Hebrew", "<asr_text>")
            assert transcript in TEXTS


def test_what_qwenlms_script_makes_of_a_line_is_what_we_train_on(prepared, made_once):
    """Its prefix is the prompt without language; then come the line's text and the end token."""
    base = made_once("tiny-qwen3_asr", lambda at: QWEN3_ASR.write_base(at / "base")) / "base"
    ours, processor = open_tokens(base), AutoProcessor.from_pretrained(base)
    line = json.loads((exported(prepared, "qwen3_asr") / "test.jsonl").open().readline())
    turns = [{"role": "system", "content": ""},
             {"role": "user", "content": [{"type": "audio", "audio": line["audio"]}]}]  # fmt: skip
    prefix = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    theirs = processor.tokenizer(prefix + line["text"] + processor.tokenizer.eos_token)
    expected = [*ours.prompt("he", 1), *ours.transcript(TEXTS[4]), ours.ends[0]]
    assert theirs["input_ids"] == expected


def test_a_language_without_a_name_is_refused_by_utterance():
    with pytest.raises(InputError, match="xx/a: language: expected a code that has a name, got"):
        EXPORT_FORMATS["qwen3_asr"].line(utterance("a", language="xyz"), "a.wav")


def test_a_folder_with_something_in_it_is_left_alone(prepared):
    out = prepared.parent / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(InputError, match="out: expected a new or empty folder"):
        exported(prepared, "nemo")
    assert (out / "mine").read_text() == "mine"


def test_nothing_is_written_beside_the_folder(prepared):
    before = sorted(prepared.parent.iterdir())
    out = exported(prepared, "drivendata")
    assert sorted(prepared.parent.iterdir()) == sorted([*before, out])


@pytest.mark.integration
def test_the_command(prepared):
    words = [sys.executable, "-m", "commands.export_data", "--format", "nemo"]
    words += ["--out", str(prepared.parent / "out"), "--prepared", str(prepared)]
    done = subprocess.run(
        [*words, "--manifest", str(prepared.parent / "test.jsonl")],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("test: 2 utterances\n")
    again = subprocess.run(words, cwd=prepared, capture_output=True, text=True, check=False,
                           env={"PYTHONPATH": str(Path(__file__).parents[1])})  # fmt: skip
    assert again.returncode == 1
    assert again.stderr.startswith("export_data: ")
