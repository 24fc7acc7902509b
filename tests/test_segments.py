# python -m pytest tests/test_segments.py
import pytest

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles
from asr.corpora.recording import Recording, Segment
from asr.corpora.segments import group_by_file


def stretch(name, start_s, text, **fields):
    segments = (Segment(start_s, start_s + 1, text),)
    return Recording(name, text, b"", "x/a.wav", segments=segments, **fields)


def grouped(*found):
    return list(group_by_file(found, AudioFiles({"x/a.wav": b"sound", "b.wav": b"other"})))


def test_stretches_of_a_file_are_sorted_and_share_what_all_of_them_have():
    (one,) = grouped(
        stretch("2", 5.0, "ne", attributes={"mic": "a", "take": "1"}),
        stretch("1", 0.0, "da", attributes={"mic": "a", "take": "2"}),
    )
    assert (one.name, one.text, one.audio) == ("x/a", "da ne", b"sound")
    assert [segment.start_s for segment in one.segments] == [0.0, 5.0]
    assert one.attributes == {"mic": "a"}


@pytest.mark.parametrize(
    "fields",
    [{"speaker_id": "s"}, {"session_id": "s"}, {"language": "hr"}, {"license": "CC0-1.0"},
     {"channel": 1}, {"attributes": {"split": "dev"}}],
)  # fmt: skip
def test_stretches_that_differ_in_a_trait_are_recordings_of_their_own(fields):
    found = grouped(stretch("1", 0.0, "da"), stretch("2", 1.0, "ne", **fields))
    assert [(one.name, one.text) for one in found] == [("x/a", "da"), ("x/a~2", "ne")]


def test_a_stretch_without_words_is_listed_and_not_decoded_again():
    whole = Recording("b", None, b"", "b.wav")
    found = grouped(stretch("1", 0.0, "da"), stretch("2", 1.0, " "), whole)
    assert [(one.name, one.text, one.audio) for one in found] == [
        ("x/a", "da", b"sound"), ("2", None, b""), ("b", None, b"other")
    ]  # fmt: skip


def test_a_file_is_used_whole_or_in_stretches():
    with pytest.raises(InputError, match=r"^x/a\.wav: expected either segments of it or the whole"):
        grouped(Recording("x/a", "da ne", b"", "x/a.wav"), stretch("1", 0.0, "da"))
