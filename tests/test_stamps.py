# python -m pytest tests/test_stamps.py
from asr.corpus_formats.stamps import read, wants

STAMPS = "usr/share/tuxpaint/stamps/"


def test_only_recordings_of_the_language_and_texts_are_wanted():
    assert wants(f"{STAMPS}birds/crow_desc_be.ogg", "be")
    assert wants(f"{STAMPS}birds/crow.txt", "be")
    assert not wants(f"{STAMPS}birds/crow_desc_bg.ogg", "be")
    assert not wants(f"{STAMPS}birds/crow_be.ogg", "be")  # the bird's own voice, not a sentence
    assert not wants(f"{STAMPS}birds/crow.png", "be")


def test_a_recording_has_its_line_of_the_text_beside_it():
    files = {
        f"{STAMPS}birds/crow_desc_be.ogg": b"sound",
        f"{STAMPS}birds/crow.txt": "A crow.\nbe.utf8=Варона. \nbg.utf8=Врана.\n".encode(),
    }
    (crow,) = read(files, "be", {})
    assert (crow.name, crow.text, crow.audio) == ("birds/crow", "Варона.", b"sound")
    assert crow.file == f"{STAMPS}birds/crow_desc_be.ogg"
    assert crow.speaker_id is None and crow.session_id is None


def test_a_folder_may_be_unpacked_below_the_packages_root():
    (crow,) = read({"birds/crow_desc_be.ogg": b""}, "be", {})
    assert crow.name == "birds/crow"


def test_missing_and_broken_texts_are_none():
    files = {
        "a_desc_be.ogg": b"",
        "b_desc_be.ogg": b"",
        "b.txt": b"A bee.\nbg.utf8=\xd0\x9f\n",
        "c_desc_be.ogg": b"",
        "c.txt": b"be.utf8=\xd0\n",
        "d_desc_be.ogg": b"",
        "d.txt": b"Un chat=\r\nbe.utf8=a=b\r\n",
    }
    assert [recording.text for recording in read(files, "be", {})] == [None, None, None, "a=b"]
