# python -m pytest tests/test_chosen_files.py
"""Every file of a source ends up somewhere: as a recording, in the rejects or in not_used.csv."""

import io
import os
from pathlib import Path

import pytest
import soundfile

from asr.core.csv_files import read_csv
from asr.corpora.audio_content import starts_as_audio
from asr.corpora.chosen_files import ChosenFiles
from asr.corpora.formats import corpus_format, read_corpus
from asr.corpora.params import Corpus
from asr.corpora.paths import is_audio_file
from asr.corpora.raw_folder import (
    FILES,
    REFUSED,
    read_provenance,
    write_files,
    write_provenance,
)
from asr.corpora.withdrawn import drop_withdrawn, read_recordings
from asr.sources.corpus_source import fetch_files, provenance
from asr.sources.folder import Source
from tests.corpus_examples import jsonl
from tests.examples import tone, wav
from tests.web_server import LIMITS

SOUND = wav(tone(0.1))


def line(name, **changes):
    return Corpus(**{"format": name, "language": "hr", "source": "home"} | changes)


def fetched(name, files, folder):
    """The files that fetch stores, and why it stores the others not."""
    chosen = ChosenFiles(corpus_format(name), "hr")
    stored = dict(chosen.used((n, files[n]) for n in sorted(files) if chosen.wants(n)))
    chosen.write_others(folder / "others.csv")
    others = read_csv(folder / "others.csv", ["file", "why"]) if len(stored) < len(files) else ()
    return stored, {row["file"]: row["why"] for row in others}


def test_audio_is_known_by_its_content(tmp_path):
    files = {"a": SOUND, "b.3ga": SOUND, "c.dat": SOUND, "d.dat": b"1 2 3", "e.png": b"PNG",
             "a.txt": b"da", "b.txt": b"da", "c.txt": b"da", ".f.wav": SOUND}  # fmt: skip
    stored, others = fetched("paired", files, tmp_path)
    found = list(read_corpus(stored, line("paired")))
    assert [(one.name, one.text, one.audio) for one in found] == [
        (name, "da", SOUND) for name in "abc"
    ]
    assert others == {
        "d.dat": "its content is not audio",
        "e.png": "the format reads no file of this name",
        ".f.wav": "the format reads no file of this name",
    }


def test_a_file_that_is_not_read_is_not_fetched():
    stamps = ChosenFiles(corpus_format("stamps"), "be")
    folder = "usr/share/tuxpaint/stamps/"
    assert stamps.wants(f"{folder}crow_desc_be.ogg") and not stamps.wants(
        f"{folder}crow_desc_bg.ogg"
    )
    assert list(stamps.used([(f"{folder}crow_desc_be.ogg", b"1")]))
    assert not stamps.wants("x.3ga")  # a format that does not take any audio


def test_other_files_are_listed_once_and_only_if_there_are_any(tmp_path, capsys):
    chosen = ChosenFiles(corpus_format("paired"), "be")
    chosen.write_others(tmp_path / "others.csv")
    assert not any(chosen.wants(name) for name in ("b.png", "caf\udce9.png", "a.png"))
    chosen.write_others(tmp_path / "others.csv")
    assert [row["file"] for row in read_csv(tmp_path / "others.csv", ["file", "why"])] == [
        "a.png", "b.png", "caf\\udce9.png"
    ]  # fmt: skip
    assert capsys.readouterr().out == "3 file(s) of the source are not used, see others.csv\n"
    stamps = ChosenFiles(corpus_format("stamps"), "be")
    assert not stamps.wants("b.png")
    stamps.write_others(tmp_path / "stamps.csv")  # thousands of pictures
    assert not (tmp_path / "stamps.csv").exists()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64"])
def test_what_a_decoder_reads_starts_as_audio(kind):
    soundfile.write(file := io.BytesIO(), tone(0.5), 16_000, format=kind)
    assert starts_as_audio(file.getvalue()[:4096])


@pytest.mark.parametrize(
    "head",
    [b"", b"{}", b"RIFF....WEBP", b"text of a file", "да".encode(), b"\xff\xfe\x41\0", b"PK"],
)
def test_other_content_does_not(head):
    assert not starts_as_audio(head)


@pytest.mark.parametrize("name", [".clip", "a/.b/clip", "__MACOSX/clip", "clip.md"])
def test_hidden_files_and_those_of_other_endings_are_no_audio(name):
    assert not is_audio_file({name: SOUND}, name) and is_audio_file({"clip": SOUND}, "clip")


def test_audio_that_no_table_names_is_listed(tmp_path):
    files = {"m.jsonl": jsonl({"audio": "a.wav", "text": "da"}), "a.wav": SOUND, "b.wav": SOUND}
    first, second = read_corpus(fetched("jsonl", files, tmp_path)[0], line("jsonl"))
    assert (first.file, first.unlisted) == ("a.wav", False)
    assert (second.file, second.unlisted, second.audio) == ("b.wav", True, b"")


def test_audio_of_a_faulty_row_is_listed_once():
    files = {"m.jsonl": jsonl({"audio": "a.wav", "text": "da", "lang": "Klingo"}), "a.wav": SOUND}
    (one,) = read_corpus(files, line("jsonl"))
    assert (one.file, one.unlisted) == ("a.wav", False)
    assert one.fault.startswith("m.jsonl:1: lang: expected a language")


def fetched_folder(home, out, corpus):
    """What fetch stores of a folder, and the recordings that prepare reads of it."""
    chosen = ChosenFiles(corpus_format(corpus.format), corpus.language)
    source = Source(kind="folder", path=str(home), license="MIT")
    num_files = write_files(out / FILES, chosen.used(fetch_files(source, chosen.wants, LIMITS)))
    write_provenance(out, provenance(source, num_files))
    chosen.write_refused(out / REFUSED)
    return list(read_recordings(out, corpus))


@pytest.fixture
def home(tmp_path):
    """A folder with one good recording, a link to another folder and links to files there."""
    (tmp_path / "home").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "away").mkdir()
    for name in ("home/a.wav", "away/b.wav"):
        (tmp_path / name).write_bytes(SOUND)
    (tmp_path / "home" / "linked").symlink_to(tmp_path / "away")
    (tmp_path / "home" / "b.wav").symlink_to(tmp_path / "away" / "b.wav")
    return tmp_path / "home"


def test_a_link_costs_its_own_row(home):
    names = ["a.wav", "b.wav", "linked/b.wav"]
    (home / "m.jsonl").write_bytes(jsonl(*({"audio": name, "text": "da"} for name in names)))
    found = fetched_folder(home, home.parent / "out", line("jsonl"))
    assert [(one.file, one.fault) for one in found] == [
        ("a.wav", None),
        ("b.wav", "m.jsonl:2: audio: b.wav: expected a file of the corpus, got a link out of its "
         "folder; put the file itself there"),
        ("linked/b.wav", "m.jsonl:3: audio: linked: expected no linked folder, got one; put the "
         "folder itself into the source"),
    ]  # fmt: skip


@pytest.mark.parametrize("withdrawn", [[], ["nobody"]])
def test_a_link_that_no_row_names_is_rejected_too(home, withdrawn):
    (home / "a.txt").write_text("da")
    out, corpus = home.parent / "out", line("paired", withdrawn={"speakers": withdrawn})
    found = fetched_folder(home, out, corpus)
    if withdrawn:
        drop_withdrawn(out, "xx", corpus, read_provenance(out))
        found = list(read_recordings(out, corpus))
    assert [(one.name, one.file, bool(one.fault)) for one in found] == [
        ("a", "a.wav", False), ("b.wav", "b.wav", True), ("linked", "linked", True)
    ]  # fmt: skip
    assert (out / REFUSED).is_file() == (not withdrawn)


def test_a_name_that_is_not_utf_8_costs_its_file(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "home" / "a.wav").write_bytes(SOUND)
    Path(os.fsdecode(bytes(tmp_path / "home") + b"/\xe9.wav")).write_bytes(SOUND)
    one, two = fetched_folder(tmp_path / "home", tmp_path / "out", line("paired"))
    assert (one.file, one.fault) == ("a.wav", None)
    assert (two.file, two.fault) == (
        r"\udce9.wav", r"\udce9.wav: expected a file name in UTF-8"
    )  # fmt: skip


def test_a_transcript_without_a_recording_is_rejected():
    one, two = read_corpus({"a.wav": SOUND, "a.txt": b"da", "b.srt": b"x"}, line("paired"))
    assert (one.fault, two.fault) == (None, "b.srt: expected a recording beside it, got none")


@pytest.mark.parametrize(
    ("chosen", "channels"), [("mean", [None, 1]), ("each", ["each", 1]), (0, [0, 1])]
)
def test_the_corpus_chooses_the_channel_that_the_source_does_not(chosen, channels):
    rows = jsonl({"audio": "a.wav", "text": "da"}, {"audio": "b.wav", "text": "da", "side": "1"})
    corpus = line("jsonl", channel=chosen, columns={"channel": "side"})
    files = {"m.jsonl": rows, "a.wav": SOUND, "b.wav": SOUND}
    with_column = {**files, "m.jsonl": rows.replace(b'"da"}\n{', b'"da", "side": null}\n{')}
    assert [one.channel for one in read_corpus(with_column, corpus)] == channels


def test_a_sidecar_with_a_named_language_costs_nothing():
    files = {"a.wav": SOUND, "a.json": b'{"text": "da", "language": "croatian"}',
             "b.wav": SOUND, "b.lrc": b"[la:Klingo]\n[00:00.00]da"}  # fmt: skip
    one, two = read_corpus(files, line("paired"))
    assert (one.language, two.language, one.fault, two.fault) == ("hr", None, None, None)
