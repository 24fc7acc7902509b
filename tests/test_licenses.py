# python -m pytest tests/test_licenses.py
from asr.report.licenses import licenses_page
from asr.utterances.utterance import write_manifest
from stages.licenses import licenses
from tests.examples import utterance
from tests.tiny_families import ROOT


def rows(utterances):
    lines = licenses_page(utterances).splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return table[2:]


def test_a_row_for_each_corpus_license_and_source():
    archive = "https://example.org:8080/talks.tar.gz"
    page = rows(
        [
            utterance("a", source="pkg=1:a:b.wav", duration_s=1800.0, speaker_id="s1"),
            utterance("b", source="pkg=1:c.wav", duration_s=1800.0, speaker_id="s2"),
            utterance("c", source="pkg=1:d.wav", license="CC-BY-4.0"),
            utterance("d", corpus="yy", source=f"{archive}:x/d.wav", speaker_id="s1"),
            utterance("e", corpus="yy", source=f"{archive}:x/e.wav"),
        ]
    )
    assert page == [
        ["xx", "CC-BY-4.0", "pkg=1", "1", "0.00", "not said", "not said"],
        ["xx", "CC0-1.0", "pkg=1", "2", "1.00", "2", "not said"],
        ["yy", "CC0-1.0", archive, "2", "0.00", "1, or more", "not said"],
    ]


def test_consent_is_counted_where_the_source_says_it():
    given = [{"consent": "yes"}, {"consent": "yes"}, {"consent": "no"}, {}]
    (row,) = rows([utterance(f"{n}", attributes=said) for n, said in enumerate(given)])
    assert row[-1] == "no: 1, not said: 1, yes: 2"


def test_harvested_recordings_name_their_host():
    url = {"source_url": "https://archive.example.org/talks/1.mp3"}
    (row,) = rows([utterance("a", attributes=url, source="harvested:1.mp3")])
    assert row[2] == "harvested, from archive.example.org"


def test_a_bar_in_a_license_breaks_no_table():
    assert "| a\\|b |" in licenses_page([utterance("a", license="a|b")])


def test_the_stage_reads_all_manifests(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = "test_sets: {phone: {format: jsonl, language: be, source: x}}"
    params = (ROOT / "params.yaml").read_text().replace("test_sets: {}", line)
    (tmp_path / "params.yaml").write_text(params)
    paths = [tmp_path / f"{split}.jsonl" for split in ("train", "dev", "test", "replay")]
    for path in (*paths, tmp_path / "sets/phone.jsonl"):
        write_manifest(path, [utterance(path.stem)])
    guards = [
        utterance("другая", corpus="ru", license="CC-BY-4.0", attributes={"guard": "other"}),
        utterance("hum", corpus="sound", attributes={"guard": "sound"}),  # computed
    ]
    write_manifest(tmp_path / "guards.jsonl", guards)
    licenses(*paths, tmp_path / "guards.jsonl", tmp_path / "sets", tmp_path / "DATA_LICENSES.md")
    page = (tmp_path / "DATA_LICENSES.md").read_text()
    assert "| xx | CC0-1.0 | test | 5 |" in page
    assert "| ru | CC-BY-4.0 | test | 1 |" in page
    assert "hum" not in page and "sound" not in page
