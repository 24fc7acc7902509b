# FUZZ_SECONDS=600 python -m pytest tests/test_corpus_fuzz.py
"""Whatever the files hold, a reader gives recordings or an InputError."""

import csv
import gzip
import io
import json
import math
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.corpora.paths import is_audio
from asr.corpora.recording import Recording
from asr.utterances.utterance import Utterance
from tests.corpus_examples import corpora
from tests.test_tiers import CHA, EAF, SHORT

CORPORA = corpora(b"first sound", b"second sound")
CORPORA["lhotse"]["cuts.jsonl"] = gzip.decompress(CORPORA["lhotse"].pop("cuts.jsonl.gz"))
CORPORA["paired"] |= {
    "c.wav": b"3", "c.srt": b"1\n00:00:01,000 --> 00:00:02,500\nda\n",
    "e.wav": b"5", "e.TextGrid": SHORT.encode(), "f.wav": b"6", "f.eaf": EAF,
    "g.wav": b"7", "g.cha": CHA.encode(), "h.wav": b"8", "h.txt": b"0.5\t1.5\tda\n2.0\t3.0\tne\n",
    "d.wav": b"4", "d.json": b'{"text": "a", "segments": [{"start": 0, "end": 1, "text": "a"}]}',
}  # fmt: skip
CORPORA["nemo"]["b.json"] = b'{"audio_filepath":"wav/1.wav","offset":1,"duration":2,"text":"a"}\n'
CORPORA["kaldi"] |= {
    "b/wav.scp": b"r wav/2.wav\n", "b/text": b"u da\n", "b/segments": b"u r 0.5 1.5\n",
}  # fmt: skip
CORPORA["audiofolder"]["test/metadata.jsonl"] = b'{"file_name": "x.wav", "text": "da"}\n'

PIECES = [
    b"\0", b"\n", b"\r", b"\t", b",", b'"', b"'", b"\\", b"/", b"../", b"{", b"}", b"[", b"]", b":",
    b"null", b"true", b"-1", b"1e999", b"9" * 400, b"\xef\xbb\xbf", b"\xff", b"\xe2\x80\xa8",
    b"\\ud800", b"\\u0000", b"NaN", b"|", b"#", b"~2", b"-->", b"[00:00.00]", b"[offset:9]", b" ",
    "א".encode(), "²".encode(), b"text", b"audio", b"id", b"wav/1.wav", b"\x1c", b"\x85",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["text", "audio", "wav/1.wav", "../x", "\ud800", "a\0", "", "hr-HR"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["text", "id", "path", "bytes", "a"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@st.composite
def bytes_changed(draw, content):
    """A few cuts, repetitions and insertions anywhere."""
    for _ in range(draw(st.integers(1, 4))):
        a = draw(st.integers(0, len(content)))
        b = draw(st.integers(a, min(len(content), a + 20)))
        new = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(content[a:b] * 2))
        content = content[:a] + new + content[b:]
    return content


@st.composite
def values_changed(draw, content):
    """JSON lines in which one value, at any depth, is another one; or a key."""
    lines = [json.loads(line) for line in content.splitlines() if line.strip()]
    place = draw(st.sampled_from(lines))
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and draw(st.booleans()):
            place = place[key]
            continue
        place[key] = draw(JSON)
        if isinstance(place, dict) and draw(st.integers(0, 9)) == 0:
            place[draw(st.sampled_from(["offset", "lang", "speaker", "id", "license"]))] = draw(
                JSON
            )
        break
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@st.composite
def changed_corpora(draw):
    """A format and its example, with one to three files changed or missing."""
    name = draw(st.sampled_from(sorted(CORPORA)))
    files = dict(CORPORA[name])
    for _ in range(draw(st.integers(1, 3))):
        file = draw(st.sampled_from(sorted(files)))
        content = files[file]
        ways = [bytes_changed(content), st.binary(max_size=60), st.none()]
        if file.endswith((".jsonl", ".json")) and content == CORPORA[name].get(file):
            ways += [values_changed(content)] * 4
        content = draw(st.one_of(*(way for way in ways if not is_audio(file) or way is ways[-1])))
        if content is None:
            del files[file]
        else:
            files[file] = content
        if not files:
            break
    return name, files


def check(name, files):
    """Nothing but recordings and an InputError comes out, and recordings are whole."""
    wanted = {n: files[n] for n in sorted(files) if corpus_format(name).wants(n, "hr")}
    try:
        recordings = list(corpus_format(name).read(wanted, "hr", {}))
    except InputError as error:
        assert str(error).encode("utf-8") and len(str(error)) < 2000
        return
    assert len({one.name for one in recordings}) == len(recordings)
    for one in recordings:
        assert isinstance(one, Recording) and isinstance(one.audio, bytes)
        assert one.fault is None or (one.fault.encode() and one.audio in (b"", files.get(one.file)))
        for segment in one.segments:
            # Of wrong times prepare rejects the segment alone.
            assert segment.end_s is None or math.isfinite(segment.end_s + segment.start_s)
            segment.text.encode()
        # What it becomes can be stored in each of our files.
        utterance = Utterance(
            id=f"xx/{one.name}", corpus="xx", text=one.text or "-", duration_s=1.0,
            language=one.language or "hr", speaker_id=one.speaker_id, session_id=one.session_id,
            license=one.license or "MIT", source=f"home:{one.file}", sha256="0" * 64,
            attributes=one.attributes, shard="", row=0,
        )  # fmt: skip
        utterance.model_dump_json().encode()
        csv.writer(io.StringIO()).writerow([one.name, one.fault, one.text, one.file])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(changed_corpora())
def test_changed_files_give_recordings_or_an_input_error(changed):
    check(*changed)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(CORPORA)), st.data())
def test_arbitrary_bytes_give_recordings_or_an_input_error(name, data):
    files = {file: data.draw(st.binary(max_size=200)) for file in sorted(CORPORA[name])}
    check(name, files)


@pytest.mark.slow
def test_for_as_long_as_asked():
    end_s = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "60"))
    count = 0

    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck),
              database=None)  # fmt: skip
    @given(changed_corpora())
    def once(changed):
        nonlocal count
        count += 1
        check(*changed)

    while time.monotonic() < end_s:
        once()
    print(f"{count} corpora")
