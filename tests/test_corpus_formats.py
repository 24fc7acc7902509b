# python -m pytest tests/test_corpus_formats.py
"""What each format makes of a corpus without fault; faults are in test_corpus_faults.py."""

import json
import re
from pathlib import Path

import pytest

from asr import corpus_formats
from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.corpora.recording import Segment
from tests.corpus_examples import ONE, TWO, corpora, cut, jsonl, parquet, table, task

CORPORA = corpora(b"first sound", b"second sound")

FOLDER = Path(corpus_formats.__file__).parent


def read(name, files, **columns):
    """The recordings of the files that the format wants, in the order of names, as from a tar."""
    wanted = {n: files[n] for n in sorted(files) if corpus_format(name).wants(n, "hr")}
    return list(corpus_format(name).read(wanted, "hr", columns))


def test_each_format_there_is_has_its_example():
    assert set(CORPORA) == {path.stem for path in FOLDER.glob("[a-z]*.py")}


@pytest.mark.parametrize("name", CORPORA)
def test_every_format_gives_the_same_recordings(name):
    found = sorted(read(name, CORPORA[name]), key=lambda one: one.audio)
    assert [one.text.removesuffix(" …") for one in found] == [ONE, TWO]
    assert [one.audio for one in found] == [b"first sound", b"second sound"]
    assert [one.fault for one in found] == [None, None]
    assert all(one.file.rpartition("#")[0] or one.file in CORPORA[name] for one in found)


@pytest.mark.parametrize("name", CORPORA)
def test_every_format_wants_the_files_it_reads_and_no_others(name):
    assert all(corpus_format(name).wants(file, "hr") for file in CORPORA[name])
    for other in ("picture.png", "a/b", "__MACOSX/._one.wav", ".hidden.wav", "wav/.1.json"):
        assert not corpus_format(name).wants(other, "hr")


def described(recordings):
    return [(r.name, r.speaker_id, r.session_id, r.language, r.attributes) for r in recordings]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("audiofolder", [
            ("train/a/one", "s1", None, None, {"age_bucket": "5-7", "split": "train"}),
            ("train/two", "s2", None, None, {"age_bucket": "8-9", "split": "train"}),
        ]),
        ("jsonl", [
            ("one", "s1", "7", None, {"age_bucket": "5-7"}),
            ("two", "s2", "8", None, {"age_bucket": "8-9"}),
        ]),
        ("table", [
            ("a/one", "s1", None, None, {"age_bucket": "5-7"}),
            ("two", "s2", None, None, {"age_bucket": "8-9"}),
        ]),
        ("paired", [
            ("hr/one", "s1", None, "hr", {"source_url": "https://example.org/1"}),
            ("sr/two", "s2", None, "sr", {}),
        ]),
        ("parquet", [
            ("data/train-00000-of-00001/000001", "s1", None, None, {"split": "train"}),
            ("data/train-00000-of-00001/000002", "s2", None, None, {"split": "train"}),
        ]),
        ("librispeech", [
            ("26-495-0000", "26", "26-495", None, {"split": "dev", "subset": "dev-clean"}),
            ("19-198-0000", "19", "19-198", None,
             {"sex": "F", "split": "train", "subset": "train-clean-100"}),
        ]),
        ("common_voice", [
            ("hr/clips/one", "s1", None, "hr", {"up_votes": "2", "down_votes": "0", "age": "teens",
                                                "validated": "true", "split": "train"}),
            ("hr/clips/two", "s2", None, "hr", {"up_votes": "3", "down_votes": "1",
                                                "validated": "true"}),
        ]),
        ("fleurs", [
            ("data/hr_hr/audio/test/11", None, None, None,
             {"sentence_id": "7", "transcription": "druga rečenica", "num_samples": "32000",
              "gender": "MALE", "split": "test"}),
            ("data/hr_hr/audio/train/10", None, None, None,
             {"sentence_id": "7", "transcription": "prva rečenica", "num_samples": "16000",
              "gender": "FEMALE", "split": "train"}),
        ]),
        ("kaldi", [
            ("one", "s1", None, None, {"sex": "f", "split": "train"}),
            ("two", "s2", None, None, {"sex": "m", "split": "train"}),
        ]),
        ("nemo", [
            ("wav/1", "s1", None, "hr", {"split": "dev"}),
            ("wav/2", "s2", None, "sr", {"split": "dev"}),
        ]),
        ("lhotse", [("u1", "s1", None, "hr", {}), ("u2", "s2", None, "hr", {})]),
    ],
)  # fmt: skip
def test_what_a_format_says_of_its_recordings(name, expected):
    assert described(read(name, CORPORA[name])) == expected


def test_an_inventory_licenses_each_recording():
    assert [one.license for one in read("paired", CORPORA["paired"])] == ["CC-BY-4.0", "CC0-1.0"]


def test_timed_lines_are_segments():
    one, two = read("paired", CORPORA["paired"])
    assert one.segments == (Segment(0.0, 0.5, ONE), Segment(0.5, None, "…"))
    assert two.segments == ()


def test_columns_of_any_name_are_named_in_params():
    files = {"a.jsonl": jsonl({"clip": "1.wav", "corrected": "da", "text": "draft"}), "1.wav": b"1"}
    (one,) = read("jsonl", files, audio="clip", text="corrected")
    assert (one.text, one.attributes) == ("da", {"text": "draft"})
    for wrong in ({"audio": "clop"}, {"audio": "clip", "speaker_id": "clop"}):
        with pytest.raises(InputError, match=r"a\.jsonl:1: expected a key clop, got \['clip'"):
            read("jsonl", files, text="corrected", **wrong)


def test_a_table_of_any_name_with_columns_of_any_name_is_read():
    lines = table("clip;what was said;reader", '1.wav;"da; ne";ana', "2.wav;;ana")
    files = {"lines.csv": lines, "1.wav": b"1", "2.wav": b"2"}
    named = {"audio": "clip", "text": "what was said", "speaker_id": "reader"}
    found = read("table", files, **named)
    assert [(one.text, one.speaker_id) for one in found] == [("da; ne", "ana"), ("", "ana")]
    with pytest.raises(InputError, match=r"ends in \.csv, \.tsv, .*, got none"):
        read("table", {"1.wav": b"1"})


def test_a_column_of_the_inventory_need_not_be_there_for_files_without_a_line():
    files = {"metadata.csv": table("fn,who", "a.wav,ana"), "a.wav": b"", "b.wav": b""}
    found = read("paired", files, audio="fn", speaker_id="who")
    assert [one.speaker_id for one in found] == ["ana", None]


def test_two_columns_that_could_be_the_text_are_not_guessed_between():
    files = {"a.jsonl": jsonl({"audio": "1.wav", "text": "a", "sentence": "b"}), "1.wav": b"1"}
    with pytest.raises(InputError, match=r"one column for text, got \['text', 'sentence'\];"):
        read("jsonl", files)


@pytest.mark.parametrize("name", ["stamps", "librispeech", "common_voice", "kaldi", "lhotse"])
def test_formats_of_fixed_columns_take_no_others(name):
    with pytest.raises(InputError, match=f"format {name} takes none, got"):
        read(name, CORPORA[name], text="words")


def test_audio_is_found_in_whichever_folder_it_lies_but_never_guessed():
    rows = jsonl({"audio": "audio/1.wav", "text": "a"})
    for files in ({"audio/1.wav": b"1"}, {"p0/audio/1.wav": b"1"}, {"p0/1.wav": b"1"}):
        (one,) = read("jsonl", {"m.jsonl": rows, **files})
        assert (one.file, one.audio, one.fault) == (next(iter(files)), b"1", None)
    # Two of that name, or a folder that is there and has it not.
    for files in ({"p0/1.wav": b"1", "p1/1.wav": b"2"}, {"audio/2.wav": b"2", "other/1.wav": b"1"}):
        (one,) = read("jsonl", {"m.jsonl": rows, **files})
        assert one.audio == b""
        assert one.fault.startswith("m.jsonl:1: audio: expected one file 'audio/1.wav'")


def test_recordings_that_no_table_mentions_have_no_transcript():
    recordings = read("audiofolder", CORPORA["audiofolder"] | {"test/new.wav": b"3"})
    assert [(one.name, one.text) for one in recordings[2:]] == [("test/new", None)]


def test_a_missing_recording_of_the_inventory_is_a_fault():
    files = {"metadata.csv": table("filename,language", "a.wav,hr"), "b.wav": b"", "b.txt": b"da"}
    faults = {one.name: one.fault for one in read("paired", files)}
    assert faults == {"b": None, "a": "metadata.csv:2: expected one file 'a.wav' in the source, "
                      "got none"}  # fmt: skip


def test_an_unreadable_transcript_rejects_its_own_recording_alone():
    files = {"a.wav": b"1", "a.txt": "č".encode("cp1250"), "b.wav": b"2", "b.txt": b"da"}
    a, b = read("paired", files)
    assert (a.fault, b.fault) == ("a.txt:1: expected UTF-8, got the byte 0xe8", None)


def test_one_text_may_serve_two_recordings():
    names = [one.name for one in read("paired", {"a.wav": b"1", "a.mp3": b"2", "a.txt": b"da"})]
    assert names == ["a.mp3", "a.wav"]


def test_segments_of_one_file_come_together_by_speaker():
    files = {
        "wav.scp": table("call rec/call.wav"),
        "segments": table("u1 call 0.0 1.5", "u2 call 1.5 2", "u3 call 2.5 3"),
        "text": table("u1 halo", "u3 molim", "u2 tko je"),
        "utt2spk": table("u1 ana", "u2 ana", "u3 ivo"),
        "rec/call.wav": b"sound",
    }
    ana, ivo = read("kaldi", files)
    assert (ana.name, ana.speaker_id, ana.text) == ("rec/call", "ana", "halo tko je")
    assert ana.segments == (Segment(0.0, 1.5, "halo"), Segment(1.5, 2.0, "tko je"))
    assert (ivo.name, ivo.segments) == ("rec/call~2", (Segment(2.5, 3.0, "molim"),))
    assert ana.audio == ivo.audio == b"sound"


def test_offsets_of_a_nemo_manifest_are_segments():
    rows = [{"audio_filepath": "a.wav", "offset": o, "duration": 0.5, "text": t, "take": "1"}
            for o, t in ((1, "dva"), (0.25, "jedan"))]  # fmt: skip
    (one,) = read("nemo", {"m.json": jsonl(*rows), "a.wav": b"1"})
    assert one.segments == (Segment(0.25, 0.75, "jedan"), Segment(1.0, 1.5, "dva"))
    assert one.attributes == {"take": "1"}


def test_supervisions_of_a_cut_count_from_its_beginning():
    long = cut(1, "s1", ONE)
    long["recording"]["duration"] = 60.0
    long["start"] = 10.0
    (one,) = read("lhotse", {"cuts.jsonl": jsonl(long), "wav/1.wav": b"1"})
    assert one.segments == (Segment(10.0, 11.0, ONE),)
    assert one.name == "wav/1"


def said(number, **changes):
    """A supervision of a stereo recording of 6 s, as Lhotse writes it."""
    one = {"id": f"u{number}", "start": 1.0, "duration": 2.0, "channel": 0, "text": f"t{number}"}
    return {k: v for k, v in (one | changes).items() if v is not None}


def cuts(*supervisions, recording=None, **changes):
    one = cut(1, "s1", "", supervisions=list(supervisions), **changes)
    one["recording"] |= {"duration": 6.0} | (recording or {})
    one["recording"]["sources"][0]["channels"] = [0, 1]
    return {"cuts.jsonl": jsonl(one), "wav/1.wav": b"1"}


def test_a_supervision_without_text_is_listed_and_costs_no_other():
    one, two = read("lhotse", cuts(said(1), said(2, text=None)))
    assert one.segments == (Segment(1.0, 3.0, "t1"),)
    assert (two.name, two.text, two.segments, two.fault) == ("u2", None, (), None)


def test_a_supervision_may_begin_before_its_cut():
    (one,) = read("lhotse", cuts(said(1, start=-1.0), start=2))
    assert one.segments == (Segment(1.0, 3.0, "t1"),)


def test_each_supervision_has_its_channel():
    found = read("lhotse", cuts(said(1), said(2, channel=1), said(3, channel=[0, 1])))
    assert [(one.text, one.channel) for one in found] == [("t1", 0), ("t2", 1), ("t3", None)]
    _, wrong = read("lhotse", cuts(said(1), said(2, channel=2)))
    assert re.search(r"supervisions 2: channel: expected some of \[0, 1\], got 2", wrong.fault)


@pytest.mark.parametrize(
    ("language", "expected", "attributes"),
    [("English", "en", {}), ("iw", "he", {}), ("en-US", "en", {}),
     ("Singaporean English", None, {"language_in_source": "Singaporean English"})],
)  # fmt: skip
def test_a_language_of_fixed_columns_is_found_or_the_corpus_is_right(
    language, expected, attributes
):
    (one,) = read("lhotse", cuts(said(1, language=language)))
    assert (one.language, one.attributes) == (expected, attributes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recording": {"transforms": [{"name": "Speed", "kwargs": {"factor": 1.1}}]}},
         "transforms: expected none, got"),
        ({"type": "MixedCut"}, "type: expected MonoCut or MultiCut, got 'MixedCut'"),
        ({"recording": {"sources": [{"type": "command", "source": "x", "channels": [0]}]}},
         "type: expected 'file'"),
    ],
)  # fmt: skip
def test_a_cut_that_is_not_the_file_itself_is_rejected_alone(changes, message):
    good = cuts(said(2))
    bad = cuts(said(1), **changes)["cuts.jsonl"]
    first, second = read("lhotse", good | {"cuts.jsonl": bad + good["cuts.jsonl"]})
    assert message in first.fault
    assert second.text == "t2"


def test_kaldi_names_the_channel_of_a_recording():
    files = {
        "wav.scp": table("a rec/call.wav", "b rec/call.wav", "c rec/call.wav"),
        "text": table("a halo", "b molim", "c da"),
        "reco2file_and_channel": table("a call A", "b call 2", "c call X"),
        "rec/call.wav": b"sound",
    }
    found = read("kaldi", files)
    assert [(one.name, one.channel) for one in found] == [("a", 0), ("b", 1), ("c", None)]
    assert found[2].fault.startswith("reco2file_and_channel:3: expected a channel")


def test_a_nemo_duration_counts_with_and_without_an_offset():
    rows = [
        {"audio_filepath": f"{n}.wav", "text": "da"} | more
        for n, more in enumerate(
            [{"duration": 2.5}, {"duration": -1}, {"offset": 1}, {"offset": 1, "duration": 2}]
        )
    ]
    files = {"m.json": jsonl(*rows)} | {f"{n}.wav": b"1" for n in range(4)}
    found = read("nemo", files)
    assert [one.stated_s for one in found] == [2.5, None, None, None]
    assert [one.segments for one in found] == [
        (), (), (Segment(1.0, None, "da"),), (Segment(1.0, 3.0, "da"),)]  # fmt: skip


def test_a_row_with_a_fault_costs_that_row_alone():
    rows = [{"audio": f"{n}.wav", "text": f"t{n}", "lang": "hr"} for n in range(7)]
    rows[1]["lang"], rows[2]["audio"], rows[3]["text"] = "Klingo", "/a.wav", 7
    del rows[4]["text"]
    content = jsonl(*rows) + b'{"audio": "\xff.wav"}\n{"audio": "7.wav", "te'
    found = read("jsonl", {"m.jsonl": content} | {f"{n}.wav": b"1" for n in range(8)})
    assert [one.text for one in found if not one.fault] == ["t0", None, "t5", "t6"]
    assert [one.fault.partition(": e")[0] for one in found if one.fault] == [
        "m.jsonl:2: lang", "m.jsonl:3: audio", "m.jsonl:4: text", "m.jsonl:8",
        "m.jsonl:9"]  # fmt: skip


def test_an_offset_is_refused_where_files_are_whole():
    rows = jsonl({"audio": "a.wav", "text": "da", "offset": 1.5}, {"audio": "a.wav", "text": "ne"})
    first, second = read("jsonl", {"m.jsonl": rows, "a.wav": b"1"})
    assert first.fault.startswith(
        "m.jsonl:1: offset: expected a whole file, got a stretch from 1.5"
    )
    assert (second.text, second.fault) == ("ne", None)


def test_a_table_without_a_needed_column_says_which_it_has():
    files = {"metadata.csv": table("file_name,words", "a.wav,da"), "a.wav": b"1"}
    with pytest.raises(InputError, match=r"a key text or .*, got \['file_name', 'words'\]"):
        read("audiofolder", files)


def test_parquet_is_read_a_batch_at_a_time_from_the_tar(tmp_path):
    from asr.corpora.raw_folder import FILES, Provenance, RawFiles, write_files, write_provenance

    rows = [{"audio": bytes([n]) * 5000, "text": f"{n}", "id": n} for n in range(200)]
    files = [("a.parquet", parquet(rows, row_group_size=70)), ("b.parquet", parquet(rows[:0]))]
    write_files(tmp_path / FILES, files)
    write_provenance(tmp_path, Provenance(
        kind="folder", origin="x", sha256=None, license="MIT", num_files=2))  # fmt: skip
    recordings = corpus_format("parquet").read(RawFiles(tmp_path), "hr", {})
    assert [(one.name, one.text, one.audio) for one in recordings] == [
        (str(n), str(n), bytes([n]) * 5000) for n in range(200)
    ]


def test_a_json_list_and_lines_are_both_manifests():
    rows = [{"audio_filepath": "a.wav", "text": "da", "duration": 1}]
    for content in (json.dumps(rows, indent=1).encode(), jsonl(*rows)):
        assert [one.text for one in read("nemo", {"m.json": content, "a.wav": b"1"})] == ["da"]


def test_readers_are_small():
    assert all(len(path.read_text().splitlines()) < 170 for path in FOLDER.glob("*.py"))


def studio(*annotations, **data):
    """The recording of one task with these annotations."""
    one = task(1, "s1", ONE)
    one["annotations"] = list(annotations)
    one["data"] |= data
    files = {"x.json": json.dumps([one]).encode(), "audio/a1b2c3d4-1.wav": b"sound"}
    (found,) = read("label_studio", files)
    return found


def annotation(number, text, **changes):
    (made,) = task(number, "s1", text)["annotations"]
    return made | changes


def test_label_studio_the_ground_truth_or_the_newest_annotation_counts():
    first, second = annotation(1, "Stara."), annotation(2, "Nova.")
    assert studio(second, first).text == "Nova."
    assert studio(annotation(1, "Stara.", ground_truth=True), second).text == "Stara."
    later = annotation(1, "Ispravljena.", updated_at="2026-11-02T10:00:00Z")
    assert studio(later, second).text == "Ispravljena."
    assert studio(first, annotation(2, "Nova.", was_cancelled=True)).text == "Stara."
    assert studio().text is None  # the draft of a model is no transcript


def test_label_studio_regions_are_segments():
    area = annotation(1, "x")["result"][0]
    regions = [
        area | {"value": {"start": 1.5, "end": 2, "text": ["Drugo."]}},
        area | {"type": "labels", "value": {"start": 0, "end": 1, "labels": ["Speech"]}},
        area | {"value": {"start": 0, "end": 1.0, "text": ["Prvo,", "prvo."]}},
    ]
    found = studio(annotation(1, "x", result=regions))
    assert found.text is None
    assert found.segments == (Segment(0.0, 1.0, "Prvo, prvo."), Segment(1.5, 2.0, "Drugo."))
    bad = area | {"value": {"start": 2, "end": 1, "text": ["x"]}}
    (segment,) = studio(annotation(1, "x", result=[bad])).segments
    assert "expected times, got [2, 1]" in segment.fault


@pytest.mark.parametrize("address", [
    "/data/upload/1/a1b2c3d4-1.wav",
    "/data/local-files/?d=audio/a1b2c3d4-1.wav",
    "s3://bucket/audio/a1b2c3d4-1.wav",
    "https://host/audio/a1b2c3d4-1.wav?token=x",
    "audio/a1b2c3d4-1.wav",
])  # fmt: skip
def test_label_studio_finds_the_audio_of_an_address(address):
    found = studio(annotation(1, ONE), audio=address, age_bucket="5-7")
    assert (found.audio, found.fault, found.name) == (b"sound", None, "1")
    assert found.attributes == {"age_bucket": "5-7"}
