# python -m pytest tests/test_corpus_faults.py
"""Corpora with every fault that a file can have: what comes out names it, and nothing crashes."""

import gzip
import json
import re

import pytest

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.corpora.paths import is_audio
from tests.corpus_examples import ONE, corpora, cut, jsonl, parquet, table

CORPORA = corpora(b"first sound", b"second sound")
CUTS = gzip.decompress(CORPORA["lhotse"].pop("cuts.jsonl.gz"))
CORPORA["lhotse"]["cuts.jsonl"] = CUTS
ROWS = {"id": "one", "audio": "1.wav", "text": "da"}  # of the formats whose tables are JSON
JSON_TABLES = {"jsonl": "m.jsonl", "nemo": "m.json", "audiofolder": "metadata.jsonl"}
TEXTUAL = [name for name in CORPORA if name != "parquet"]
PLACE = re.compile(r"^[\w./-]+(:\d+|: (row|item|segment) \d+|: expected)")


def read(name, files):
    wanted = {n: files[n] for n in sorted(files) if corpus_format(name).wants(n, "hr")}
    return list(corpus_format(name).read(wanted, "hr", {}))


def complaints(name, files):
    """What is said against the files: one error, or each recording's fault."""
    try:
        return [one.fault for one in read(name, files) if one.fault is not None]
    except InputError as error:
        return [str(error)]


def of_json(name, row, audio=("1.wav",)):
    """A corpus of one row, given as an object or as text."""
    content = row if isinstance(row, bytes) else jsonl(row)
    return {JSON_TABLES[name]: content} | dict.fromkeys(audio, b"sound")


def changed(name, change):
    """A format's example with each of its text files changed."""
    return {
        file: content if is_audio(file) else change(content)
        for file, content in CORPORA[name].items()
    }


def into_sentence(new):
    """Puts bytes into the middle of the first transcript, wherever that stands."""
    at = ONE.encode()[:4]
    return lambda content: content.replace(at, at + new, 1)


def without(row, key):
    return {k: v for k, v in row.items() if k != key}


BAD_JSON = [
    b"{", b"}", b"[", b"null", b"7", b'"text"', b"nan", b"{'id': 1}", b'{"id": 1,}', b'{"id" 1}',
    b'{"id": 01}', b'{"id": NaN}', b'{"id": -Infinity}', b'{"id": "a" "b"}', b'{"id": "\t"}',
    b'{"id": 1} {"id": 2}', b'{"id": "\\x"}', b'{"id": 1, "id": 2}', b"[" * 100_000,
    b'{"a":' * 100_000, b'{"id": ' + b"9" * 5000 + b"}", b'{"id": "unfinished', b"\x1f\x8b",
]  # fmt: skip
BAD_PATHS = [
    "/etc/passwd", "/1.wav", "//server/1.wav", "../1.wav", "a/../../1.wav", "..", "a/..",
    "C:\\1.wav", "c:/1.wav", "\\\\server\\1.wav", "..\\1.wav", "a\\..\\..\\1.wav",
    "https://example.org/1.wav", "file:///etc/passwd", "s3://bucket/1.wav", "./../1.wav",
]  # fmt: skip
WRONG_TEXTS = [1, 0, 1.5, True, False, [], ["da"], {}, {"text": "da"}, 10**400]
WRONG_PATHS = [1, 1.5, True, None, [], ["1.wav"], {}, "", {"path": "1.wav"}, "."]
WRONG_IDS = [1.5, True, False, [], ["a"], {}, {"a": 1}]
MARKS = [chr(c) for c in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]


def paths_of(name, path):
    """A format's smallest corpus whose only recording is at ``path``."""
    lhotse = cut(1, "s1", ONE)
    lhotse["recording"]["sources"][0]["source"] = path
    return {
        "kaldi": {"wav.scp": table(f"u {path}"), "text": table("u da")},
        "common_voice": {"train.tsv": table("path\tsentence", f"{path}\tda")},
        "paired": {"metadata.csv": table("filename", path), "1.wav": b"sound"},
        "lhotse": {"cuts.jsonl": jsonl(lhotse)},
    }.get(name) or of_json(name, ROWS | {"audio": path})


def twice(name, distance):
    """A corpus whose first name comes again behind ``distance`` other rows."""
    names = ["u0", *(f"u{n}" for n in range(1, distance + 1)), "u0"]
    rows = [{"id": one, "audio": "1.wav", "text": "da"} for one in names]
    cuts = [cut(n, "s", ONE) for n in range(len(names))]
    for one, number in zip(cuts, names, strict=True):
        one["supervisions"][0]["id"] = number
        one["recording"]["sources"][0]["source"] = "1.wav"
    files = {
        "kaldi": {"wav.scp": table("u0 1.wav"), "text": table(*(f"{one} da" for one in names))},
        "common_voice": {"train.tsv": table("path\tsentence", *(f"{one}\tda" for one in names))},
        "librispeech": {"1-1.trans.txt": table(*(f"1-1-{one} DA" for one in names))},
        "parquet": {"a.parquet": parquet([row | {"audio": b"x"} for row in rows])},
        "lhotse": {"cuts.jsonl": jsonl(*cuts)},
        "paired": {"metadata.csv": table("filename", *(f"{one}.wav" for one in names))},
    }.get(name) or {JSON_TABLES[name]: jsonl(*rows)}
    return {"1.wav": b"sound"} | files


CUT_KEYS = ["start", "supervisions", "recording"]
# Class of fault, then its cases: format, files, and what is said of them.
FAULTS = {
    "bad JSON": [
        (name, of_json(name, bad + b"\n"), r"JSON|expected (an object|a key|UTF-8)|twice")
        for name in JSON_TABLES for bad in BAD_JSON
    ] + [
        ("paired", {"1.wav": b"sound", "1.json": bad}, r"^1\.json.*(JSON|expected|UTF-8)")
        for bad in BAD_JSON if not bad.startswith(b"[")
    ],
    "missing keys": [
        (name, of_json(name, without(ROWS, key) | other), rf":1: expected a key .*{key}")
        for name in JSON_TABLES for key in ("audio", "text")
        for other in ({}, {key.upper(): "a"}, {f"{key} ": "a"}, {"": "a"}, {"_" + key: None})
    ] + [
        ("common_voice", {"train.tsv": table("\t".join(h), "a\ta")}, ":2: expected a key")
        for h in (["path", "x"], ["x", "sentence"], ["Path", "sentence"], ["path", "Sentence"])
    ] + [
        ("lhotse", {"cuts.jsonl": jsonl(without(cut(1, "s", ONE), key))}, rf":1: {key}: expected")
        for key in CUT_KEYS
    ] + [
        ("lhotse", {"cuts.jsonl": jsonl(cut(1, "s", ONE, recording=recording))}, rf":1: .*{said}")
        for recording, said in (
            ({}, "sources: expected a list"), ({"sources": []}, "sources: expected one"),
            ({"sources": [{}]}, "type: expected 'file'"),
            ({"sources": [{"type": "command", "source": "cat 1.wav"}]}, "type: expected 'file'"),
            ({"sources": [{"type": "file"}]}, "source: expected a path"),
            ({"sources": [{"type": "file", "source": "1.wav"}]}, "duration: expected seconds"),
        )
    ],
    "wrong types": [
        (name, of_json(name, ROWS | {"text": text}), ":1: text: expected text, got")
        for name in JSON_TABLES for text in WRONG_TEXTS
    ] + [
        (name, of_json(name, ROWS | {"audio": path}), ":1: audio: expected a path, got")
        for name in JSON_TABLES for path in WRONG_PATHS
    ] + [
        (name, of_json(name, ROWS | {key: value}), rf":1: {key}: expected a name or number, got")
        for name in JSON_TABLES for key in ("id", "speaker_id") for value in WRONG_IDS
    ] + [
        ("nemo", of_json("nemo", ROWS | {"offset": value, "duration": 1}), ":1: offset: expected")
        for value in ("1", True, [], -1, 1e10, 10**400)
    ] + [
        ("jsonl", of_json("jsonl", ROWS | {"lang": value}), ":1: lang: expected a language as ISO")
        for value in ("Klingo", "h", "12", "??")
    ],
    "duplicate ids": [
        (name, twice(name, distance), r"(id|:) '[\w./-]+' appears twice")
        for name in (*JSON_TABLES, "kaldi", "common_voice", "librispeech", "parquet", "lhotse",
                     "paired")
        for distance in range(5)
    ],
    "paths that leave": [
        (name, paths_of(name, path), r":\d+.*: expected a path.*, got")
        for name in (*JSON_TABLES, "kaldi", "common_voice", "lhotse", "paired")
        for path in BAD_PATHS
    ],
    "other encodings": [
        (name, changed(name, into_sentence(new)), r":\d+: expected UTF-8, got the byte 0x")
        for name in TEXTUAL if name != "stamps"  # which has no text then
        for new in (b"\xe9", b"\xff", b"\xc0\xaf", b"\x80", b"\xed\xa0\x80")
    ],
    "null bytes": [
        (name, changed(name, into_sentence(new)), r":\d+: expected text, got a null byte")
        for name in TEXTUAL if name != "stamps"
        for new in (b"\0", b"\0\0", b"a\0", b"\0 ", b"\0\\")
    ] + [
        (name, of_json(name, ROWS | {key: "a\0b"}), f":1: '{key}': expected text, got a null byte")
        for name in JSON_TABLES for key in ("id", "audio", "text", "other")
    ] + [
        (name, of_json(name, json.dumps(ROWS | {key: "a\ud800"}).encode()),
         f":1: '{key}': expected text, got half a letter")
        for name in JSON_TABLES for key in ("id", "audio", "text", "other")
    ],
    "missing audio": [
        (name, without(CORPORA[name], file) | more, rf"expected .*{file.rpartition('/')[2][:3]}")
        for name in CORPORA if name not in ("parquet", "stamps")
        for file in CORPORA[name] if is_audio(file)
        for more in ({}, {f"{file}.bak": b"1"}, {f"{file.upper()}": b"1"})
        if (name, file) != ("paired", "hr/one.mp3") or not more
        if (name, bool(more)) != ("librispeech", True)
    ] + [
        ("parquet", {"a.parquet": parquet([{"audio": audio, "text": "da"}])}, r"row 1: audio: exp")
        for audio in (b"", {"bytes": None, "path": "a"}, {"path": "a"}, {"bytes": b"", "path": ""})
    ],
    "damaged Parquet": [
        ("parquet", {"a.parquet": content}, r"^a\.parquet: expected a whole Parquet file, got")
        for whole in [parquet([{"audio": b"1" * 500, "text": "da"}])]
        for content in [*(whole[: len(whole) * n // 40] for n in range(40)), whole[:-1], b"PAR1"]
    ],
}  # fmt: skip
CASES = [
    pytest.param(*case, id=f"{kind} {number} {case[0]}")
    for kind, cases in FAULTS.items() for number, case in enumerate(cases)
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "said"), CASES)
def test_a_fault_is_named_with_its_place(name, files, said):
    found = complaints(name, files)
    assert found, "nothing was said"
    assert re.search(said, "\n".join(found)), found[0]
    assert PLACE.match(found[0]), found[0]
    assert len(found[0]) < 600


def test_each_class_of_faults_has_forty_cases():
    assert {kind: len(cases) for kind, cases in FAULTS.items() if len(cases) < 40} == {}


# What is no fault

HARMLESS = {
    "byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "Windows' line ends": lambda content: content.replace(b"\n", b"\r\n"),
    "both": lambda content: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"),
    "no line end at the end": lambda content: content.removesuffix(b"\n"),
    "empty lines at the end": lambda content: content + b"\n\n",
}


@pytest.mark.parametrize("harmless", HARMLESS)
@pytest.mark.parametrize("name", [name for name in TEXTUAL if name != "stamps"])
def test_harmless_differences_change_nothing(name, harmless):
    assert read(name, changed(name, HARMLESS[harmless])) == read(name, CORPORA[name])


@pytest.mark.parametrize("mark", MARKS, ids=[f"U+{ord(mark):04X}" for mark in MARKS])
@pytest.mark.parametrize("name", TEXTUAL)
def test_marks_of_direction_stay_in_the_transcript(name, mark):
    texts = [one.text for one in read(name, changed(name, into_sentence(mark.encode())))]
    assert any(text.startswith(f"Prva{mark} rečenica.") for text in texts)


@pytest.mark.parametrize("word", ["a", "da ", "ž", "שלום ", "😀"])
@pytest.mark.parametrize("name", TEXTUAL)
def test_a_transcript_of_a_megabyte_is_read(name, word):
    size = (1 << 20) // len(word.encode())
    texts = [one.text for one in read(name, changed(name, into_sentence((word * size).encode())))]
    assert max(map(len, texts)) >= size * len(word)


@pytest.mark.parametrize("content", [b"", b"\n", b" ", b"\xef\xbb\xbf", b"\r\n\r\n"])
@pytest.mark.parametrize(
    ("name", "file"), [(n, f) for n in CORPORA for f in CORPORA[n] if not is_audio(f)]
)
def test_an_empty_file_gives_no_recording_or_an_error(name, file, content):
    try:
        recordings = read(name, CORPORA[name] | {file: content})
    except InputError as error:
        assert str(error)
    else:
        assert len(recordings) <= len(read(name, CORPORA[name]))


@pytest.mark.parametrize("name", CORPORA)
def test_no_file_at_all_gives_no_recording_or_an_error(name):
    try:
        assert read(name, {}) == []
    except InputError as error:
        assert "got no" in str(error)


def test_a_pipe_in_wav_scp_is_refused_and_not_run(tmp_path):
    trace = tmp_path / "trace"
    files = {"wav.scp": table(f"u touch {trace}; cat 1.wav |"), "text": table("u da")}
    (said,) = complaints("kaldi", files)
    assert said.startswith("wav.scp:1: expected a path, got the command")
    assert not trace.exists()


def test_a_compressed_bomb_is_refused(monkeypatch):
    monkeypatch.setattr("asr.corpora.tables.MAX_UNPACKED_BYTES", 1 << 20)
    (said,) = complaints("jsonl", {"m.jsonl.gz": gzip.compress(bytes(1 << 24))})
    assert said == "m.jsonl.gz: expected at most 1048576 bytes unpacked, got more"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("1.lrc", "Prva", r"1\.lrc:1: expected \[minutes:seconds\], got 'Prva'"),
        ("1.lrc", "[offset:x]\n[00:01.0]a", r"1\.lrc: offset: expected milliseconds, got 'x'"),
        ("1.srt", "a", r"1\.srt: expected lines with 00:00:01,000"),
        ("1.json", "{}", r"1\.json: expected text or segments, there are \[\]"),
        ("1.json", json.dumps({"segments": 1}), r"1\.json: segments: expected a list, got 1"),
    ],
)  # fmt: skip
def test_a_transcript_without_times_rejects_its_recording(file, content, said):
    (one,) = read("paired", {"1.wav": b"sound", file: content.encode()})
    assert re.search(said, one.fault)


@pytest.mark.parametrize(
    ("file", "good", "bad", "said"),
    [
        ("1.lrc", "[00:01.0]da", "Prva", r"1\.lrc:3: expected \[minutes:seconds\], got 'Prva'"),
        ("1.srt", "1\n00:00:01,0 --> 00:00:02,0\nda", "2\n00:00:02,000 --> 00:00:01,000\na",
         r"1\.srt:6: expected an end after 2.0 s"),
        ("1.srt", "1\n00:00:01,0 --> 00:00:02,0\nda", "2\n0 --> 1\na",
         r"1\.srt:6: expected hours:minutes:seconds"),
        ("1.srt", "1\n00:00:01,0 --> 00:00:02,0\nda", "2\nx --> y\na",
         r"1\.srt:6: expected 00:00:01,000 -->"),
        ("1.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nda", "00:01.000 --> 00:0\na",
         r"1\.vtt:6: expected hours:minutes:seconds"),
    ],
)  # fmt: skip
def test_a_faulty_line_costs_that_line(file, good, bad, said):
    (one,) = read("paired", {"1.wav": b"sound", file: f"{good}\n\n{bad}\n".encode()})
    first, second = one.segments
    assert (one.fault, first.fault, first.text) == (None, None, "da")
    assert re.search(said, second.fault) and second.text in ("a", "Prva")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"text": "a", "start": 1}, "segment 1: end or end_s: expected seconds, got None"),
        ({"text": 1}, r"1\.json: segment 1: text: expected text, got 1"),
        ({"text": "a", "start": 2, "end": 1}, "expected an end after 2.0"),
        ({"text": "a", "start": -1, "end": 1}, "start: expected seconds, got -1"),
        (7, r"1\.json: segment 1: expected an object, got 7"),
    ],
)  # fmt: skip
def test_a_faulty_segment_costs_that_segment(item, said):
    items = [item, {"text": "da", "start": 1, "end": 2}]
    (one,) = read("paired", {"1.wav": b"sound", "1.json": json.dumps(items).encode()})
    assert one.fault is None and re.search(said, one.segments[0].fault)
    assert (one.segments[1].text, one.segments[1].fault) == ("da", None)


KALDI = {"wav.scp": table("a a.wav", "b b.wav", "c c.wav"), "text": table("a da", "b ne", "c i")}
KALDI |= dict.fromkeys(("a.wav", "b.wav", "c.wav"), b"sound")


@pytest.mark.parametrize(
    ("file", "content", "lost"),
    [
        ("text", table("a da", "b ne", "c i", "b ne"),
         {"b~": "text:4: id 'b' appears twice, first at text:2"}),
        ("text", table("a da", "b ne", "c i", "b on"),
         {"b": "text:2: id 'b' appears twice, with another value at text:4",
          "b~": "text:4: id 'b' appears twice, first at text:2"}),
        ("text", b"a da\nb n\xe9\nc i\n", {"b": "text:2: expected UTF-8, got the byte 0xe9"}),
        ("text", b"a da\n\xff ne\nc i\n", {"text:2": "text:2: expected UTF-8, got the byte 0xff"}),
        ("wav.scp", table("a a.wav", "b b.wav", "c c.wav", "b c.wav"),
         {"b": "wav.scp:2: id 'b' appears twice, with another value at wav.scp:4"}),
        ("wav.scp", table("a a.wav", "b b.wav", "c c.wav", "b b.wav"), {}),
        ("utt2spk", b"b \xe9lo\n", {"b": "utt2spk:1: expected UTF-8, got the byte 0xe9"}),
        ("segments", table("a a 0 1", "b b 0 1", "c c 0 1", "b b 0 2"),
         {"b": "segments:2: id 'b' appears twice, with another value at segments:4"}),
    ],
)  # fmt: skip
def test_a_line_of_kaldi_that_can_not_be_trusted_costs_its_utterance(file, content, lost):
    found = read("kaldi", KALDI | {file: content})
    assert {one.name: one.fault for one in found if one.fault} == lost
    kept = {one.text for one in found if not one.fault}
    assert kept >= {"da", "i"} and ("ne" in kept) == (not lost or list(lost) == ["b~"])


def test_a_line_of_librispeech_that_is_not_utf_8_costs_its_utterance():
    files = {
        "1-1.trans.txt": b"1-1-1 DA\n1-1-2 N\xc9\n1-1-3 I\n",
        "SPEAKERS.TXT": b"1 | F | Ren\xe9\n",
    }
    files |= {f"1-1-{n}.flac": b"sound" for n in (1, 2, 3)}
    one, two, three = read("librispeech", files)
    assert (one.fault, one.text, one.attributes["sex"], three.text) == (None, "DA", "F", "I")
    assert two.fault == "1-1.trans.txt:2: expected UTF-8, got the byte 0xc9"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'b.wav,"ne', "expected CSV, got ',' expected after"),  # the next quote closes it
        (b'b.wav,"ne" i', "expected CSV, got ',' expected after"),
        (b"b.wav,n\xe9", "expected UTF-8, got the byte 0xe9"),
        (b'b.wav,"n\xe9\n"', "expected UTF-8, got the byte 0xe9"),
        (b"b.wav,n\0", "expected text, got a null byte"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_broken_row_of_csv_costs_that_row(line, fault, end):
    lines = [b"file_name,text", b"a.wav,da", line, b'd.wav,"da, ""i""\nne"', b"e.wav,on", b""]
    files = {f"{name}.wav": b"sound" for name in "abcde"} | {"metadata.csv": end.join(lines)}
    found = {one.name: one for one in read("audiofolder", files)}
    assert [found[name].text for name in "ade"] == ["da", 'da, "i"\nne', "on"]
    faults = [one.fault for one in found.values() if one.fault]
    assert faults[0].startswith("metadata.csv:") and re.search(fault, faults[0])


def test_a_quote_that_is_never_closed_costs_one_row():
    rows = table("file_name,text", "a.wav,da", 'b.wav,"ne', "c.wav,i")
    files = {f"{name}.wav": b"sound" for name in "abc"} | {"metadata.csv": rows}
    found = read("audiofolder", files)
    assert [one.text for one in found] == ["da", None, "i", None]  # b.wav has no transcript then
    assert found[1].fault == "metadata.csv:3: expected CSV, got unexpected end of data"


def test_a_header_of_csv_that_can_not_be_read_is_named():
    with pytest.raises(InputError, match=r"^metadata\.csv:1: expected UTF-8, got the byte 0xe9"):
        read("audiofolder", {"metadata.csv": b"file_name,t\xe9xt\na.wav,da\n", "a.wav": b"sound"})


@pytest.mark.parametrize("value", [{"id": "r", "sources": []}, [{"cut": {"sources": [1]}}]])
def test_a_key_of_lhotse_that_holds_a_recording_is_refused_by_name(value):
    first, second, third = cut(1, "s", ONE), cut(2, "s", ONE), cut(3, "s", ONE)
    first["custom"] = {"snr": 5, "target_recording": value}
    second["supervisions"][0]["custom"] = {"noise": value}
    third["custom"] = {"snr": 5, "lang": {"a": [1, {"b": 2}]}}
    files = {"cuts.jsonl": jsonl(first, second, third), "wav/3.wav": b"sound"}
    one, two, three = read("lhotse", files)
    assert "cuts.jsonl:1: custom: target_recording: expected no recording" in one.fault
    assert "cuts.jsonl:2: supervisions 1: custom: noise: expected no recording" in two.fault
    assert three.attributes == {"snr": "5", "custom_lang": '{"a": [1, {"b": 2}]}'}
