# python -m pytest tests/test_public_sets.py
"""The public test sets of conf/sources.yaml, in their layouts but with two clips of real speech.

The hub and the web are servers on this machine. Of a block only the address, the commit and the
hash are others than in the file.
"""

import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from asr.audio.decoding import decode
from asr.core.files import write_json
from asr.core.params import read_yaml
from asr.corpora.formats import corpus_format
from asr.sources.corpus_source import fetch_files, load_source
from asr.sources.datasets import Source as Datasets
from asr.utterances.shards import read_utterances
from tests.corpus_examples import table
from tests.hub_server import COMMIT, hub_server
from tests.test_sources import tar
from tests.web_server import LIMITS, serving

ROOT = Path(__file__).parents[1]
BLOCKS = ROOT / "conf" / "sources.yaml"
PAGE = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
LINES = re.search(r"^test_sets:\n((  .*\n)+)", PAGE, re.MULTILINE)[0]
RUN = """
import sys
from pathlib import Path
from stages.fetch import fetch
from stages.prepare import prepare
for name in sys.argv[1:]:
    raw, out = Path("raw", name), Path("prepared", name)
    fetch(name, raw)
    beside = (Path(out.parent, name + end) for end in (".r", ".i", ".v"))
    prepare(name, raw, Path("segments"), out, *beside)
"""


@pytest.fixture(scope="module")
def clips():
    """Text and waveform of two recordings of the starter corpus, which has some twice."""
    stamps = corpus_format("stamps")
    source = load_source("tuxpaint_stamps", BLOCKS)
    found = fetch_files(source, lambda name: stamps.wants(name, "be"), LIMITS)
    recordings = stamps.read(dict(islice(found, 60)), "be", {})
    by_text = {one.text: one for one in recordings if one.text and not one.fault}
    return [(text, decode(one.audio, 30.0).waveform) for text, one in islice(by_text.items(), 2)]


def encoded(waveform, kind, subtype=None):
    soundfile.write(file := io.BytesIO(), waveform, 16_000, format=kind, subtype=subtype)
    return file.getvalue()


def run(folder, blocks, *names, lines=LINES, **settings):
    """Fetch and prepare test sets, and return their utterances."""
    text = (ROOT / "params.yaml").read_text().replace("test_sets: {}", lines + "#")
    (folder / "params.yaml").write_text(text)
    (folder / "conf").mkdir(exist_ok=True)
    write_json(folder / "conf" / "sources.yaml", blocks)  # JSON is YAML
    settings |= {
        "HF_HOME": str(folder / "hub"), "XDG_CACHE_HOME": str(folder / "cache"),
        "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, *names], cwd=folder, env=os.environ | settings,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [list(read_utterances(folder / "prepared" / name)) for name in names]


def block(name, **changes):
    """A block as it is in the file, but for what leads to this machine."""
    here = read_yaml(BLOCKS)[name]
    return {name: here | ({"repo": "me/clips", "revision": COMMIT} | changes)}


def texts_and_lengths(utterances):
    return [(one.text, round(one.duration_s, 1)) for one in utterances]


def expected(clips):
    return [(text, round(len(waveform) / 16_000, 1)) for text, waveform in clips]


@pytest.mark.integration
def test_fleurs_and_common_voice_come_out_of_their_archives(clips, tmp_path):
    (text, one), (other, two) = clips
    quoted = f'"{other}'  # a quotation mark is text
    columns = ("client_id", "path", "sentence_id", "sentence", "age", "gender", "locale", "segment")
    wavs = {f"test/{n}.wav": encoded(w, "WAV", "FLOAT") for n, w in ((1, one), (2, two))}
    mp3s = {f"he_test_0/cv_{n}.mp3": encoded(w, "MP3") for n, w in ((1, one), (2, two))}
    files = {
        "data/he_il/test.tsv": table(f"7\t1.wav\t{text}\tx\tx\t9\tMALE",
                                     f"7\t2.wav\t{quoted}\ty\ty\t9\tFEMALE"),
        "data/he_il/audio/test.tar.gz": gzip.compress(tar(wavs, "")),
        "data/he_il/audio/train.tar.gz": b"is not downloaded",
        "data/hr_hr/test.tsv": table("8\t1.wav\tda\tda\tda\t9\tMALE"),
        "transcript/he/test.tsv": table(
            "\t".join(columns), f"s1\tcv_1.mp3\ta1\t{text}\t\t\the\t",
            f"s2\tcv_2.mp3\ta2\t{other}\ttwenties\tmale\the\t"),
        "transcript/he/validated.tsv": b"is not downloaded",
        "audio/he/test/he_test_0.tar": tar(mp3s, ""),
        "audio/he/train/he_train_0.tar": b"is not downloaded",
    }  # fmt: skip
    blocks = block("fleurs_he") | block("common_voice_he")
    with hub_server(files) as (address, asked):
        # The second set finds the first one's files in the hub's cache, at the same commit.
        fleurs, voices = run(tmp_path, blocks, "fleurs", "common_voice", HF_ENDPOINT=address)
    assert texts_and_lengths(fleurs) == [expected(clips)[0], (quoted, expected(clips)[1][1])]
    assert [one.id for one in fleurs] == [f"fleurs/data/he_il/audio/test/{n}" for n in (1, 2)]
    assert [one.attributes["gender"] for one in fleurs] == ["MALE", "FEMALE"]
    assert {one.attributes["split"] for one in (*fleurs, *voices)} == {"test"}
    assert [one.text for one in voices] == [text, other]
    assert [one.speaker_id for one in voices] == ["s1", "s2"]
    assert not [path for path in asked if re.search("hr_hr|train|validated", path)]
    others = [tmp_path / "raw" / name / "not_used.csv" for name in ("fleurs", "common_voice")]
    assert not any(path.exists() for path in others)


@pytest.mark.integration
def test_librispeech_is_read_as_it_is_packed(clips, tmp_path):
    (text, one), (other, two) = clips
    folder = "LibriSpeech/test-clean/61/70968/61-70968"
    packed = gzip.compress(tar({
        "LibriSpeech/SPEAKERS.TXT": table("61   | M | test-clean   |  8.08 | Paul-Gabriel"),
        "LibriSpeech/README.TXT": b"about",
        f"{folder}-0000.flac": encoded(one, "FLAC"),
        f"{folder}-0001.flac": encoded(two, "FLAC"),
        f"{folder}.trans.txt": table(f"61-70968-0000 {text}", f"61-70968-0001 {other}"),
    }, ""))  # fmt: skip
    name = "librispeech_test_clean"
    with serving(lambda path: packed) as url:
        local = {"url": f"{url}/test-clean.tar.gz", "sha256": hashlib.sha256(packed).hexdigest()}
        (found,) = run(tmp_path, {name: read_yaml(BLOCKS)[name] | local}, "librispeech")
    assert texts_and_lengths(found) == expected(clips)
    assert found[0].id == "librispeech/61-70968-0000" and found[0].speaker_id == "61"
    assert (found[0].attributes["sex"], found[0].attributes["split"]) == ("M", "test")


@pytest.mark.integration
def test_rows_of_ivrit_ai_are_read_and_their_times_may_lie_beside_them(clips, tmp_path):
    rows = [
        {"audio": {"bytes": encoded(one, "MP3"), "path": "a.mp3"}, "text": text, "uuid": f"u{n}"}
        for n, (text, one) in enumerate(clips)
    ]
    pq.write_table(pa.Table.from_pylist(rows), file := io.BytesIO())
    # The branch of the hub's converter has no card.
    with hub_server({"default/test/0000.parquet": file.getvalue()}) as (address, _):
        (found,) = run(tmp_path, block("ivrit_eval_d1"), "eval_d1", HF_ENDPOINT=address)
    assert [one.text for one in found] == [text for text, _ in clips]
    assert [(one.attributes["uuid"], one.attributes["split"]) for one in found] == [
        ("u0", "test"), ("u1", "test"),
    ]  # fmt: skip

    timed = tmp_path / "timed" / "eval_d1"
    (timed / "test").mkdir(parents=True)
    shutil.copy(tmp_path / "raw" / "eval_d1" / "files.tar", timed)
    for n, (text, waveform) in enumerate(clips):  # as commands.segment names and writes it
        stretch = {"start": 0.0, "end": len(waveform) / 16_000, "text": text}
        write_json(timed / "test" / f"{n:06}.json", {"text": text, "segments": [stretch]})
    (source,) = re.findall(r"^eval_d1_timed: .*$", PAGE, re.MULTILINE)
    (tmp_path / "timed.yaml").write_text(source)
    line = re.search(r"`(\{format: paired, .*eval_d1_timed\})`", PAGE)[1]
    (again,) = run(
        tmp_path, read_yaml(tmp_path / "timed.yaml"), "eval_d1",
        lines=f"test_sets:\n  eval_d1: {line}\n",
    )  # fmt: skip
    assert [one.id for one in again] == [f"eval_d1/test/{n:06}#0" for n in (0, 1)]
    assert [one.text for one in again] == [text for text, _ in clips]


def test_the_block_that_lacks_a_commit_is_whole_with_one(tmp_path):
    (line,) = re.findall(r"^# (ivrit_eval_whatsapp: .*)$", BLOCKS.read_text(), re.MULTILINE)
    (tmp_path / "sources.yaml").write_text(line.replace("<commit>", COMMIT))
    source = load_source("ivrit_eval_whatsapp", tmp_path / "sources.yaml")
    assert isinstance(source, Datasets) and source.splits == ["test"]


@pytest.mark.parametrize("name", read_yaml(BLOCKS))
def test_every_block_is_right(name):
    assert load_source(name, BLOCKS).license


def test_every_test_set_of_the_page_has_its_block():
    named = re.findall(r"source: (\w+)", LINES)
    assert len(named) == 4 and set(named) <= set(read_yaml(BLOCKS))
