# python -m pytest tests/test_audio_bounds.py
"""The search for headers in a hostile file ends soon, whatever the file's size."""

import sys

import pytest

from asr.audio.decoding import decode
from asr.audio.ogg import checksum
from asr.audio.stream import UndecodableError
from asr.utterances.waveform import SAMPLE_RATE
from tests import bad_audio

NUM_BYTES = 8_000_000
MAX_CALLS = 400_000  # one for each header or chunk would be a million and more


def empty_page(stream: int) -> bytes:
    page = b"OggS".ljust(14, b"\0") + stream.to_bytes(4, "little") + bytes(9)
    return page[:22] + checksum(page) + page[26:]


def cut_mp3() -> bytes:
    """One without a number of frames."""
    audio = bad_audio.whole_files()["layer3.mp3"]
    return audio[audio.index(audio[:2], 100) :]


FLAC = b"fLaC\0\0\0\x22" + bytes(38)
MP3, WAV = cut_mp3(), bad_audio.whole_files()["pcm16.wav"]
STREAMS = b"".join(map(empty_page, range(100)))
FALSE = b"\xff\xfb\x90\0"  # a header, but no other follows behind its 417 bytes
HOSTILE = {
    "flac_headers": (FLAC, b"\xff\xf8\xc9\x18\0", "unimplemented format"),
    "flac_of_ff": (FLAC, b"\xff", "unimplemented format"),
    "mp3_then_junk": (MP3, b"\xff\0", "no MPEG frame in the 1048576 bytes from"),
    "mp3_then_false_headers": (MP3, FALSE, "more than 20000 false headers"),
    "mp3_between_false_headers": (b"", MP3[:2000] + FALSE * 250, "more than 20000 false headers"),
    "mp3_of_ff": (b"\xff\xfb", b"\xff", "not audio"),
    "id3": (b"", b"ID3\4\0\0\0\0\0\0", "not audio"),
    "ogg_pages": (b"", empty_page(1), "1001 Ogg pages in a row are empty, up to page 1000"),
    "ogg_streams": (b"", STREAMS, "expected at most 64 Ogg streams at once"),
    "riff": (b"RIFF\0\0\0\0WAVE", b"\0", "expected the chunk 'data' among 4096 chunks, got none"),
    "aiff": (b"FORM\0\0\0\0AIFF", b"\0", "expected the chunk 'SSND' among 4096 chunks, got none"),
    "caf": (b"caff\0\1\0\0", b"\0", "expected the chunk 'data' among 4096 chunks, got none"),
    "wav_then_chunks": (WAV, b"junk\0\0\0\0", "at most 4096 chunks behind the audio"),
}


def decode_in_few_calls(audio):
    calls = 0

    def count(frame, event, arg):
        nonlocal calls
        calls += event in ("call", "c_call")
        assert calls < MAX_CALLS

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return decode(audio, 10.0)
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_few_calls(name):
    beginning, piece, said = HOSTILE[name]
    with pytest.raises(UndecodableError, match=said):
        decode_in_few_calls(beginning + piece * (NUM_BYTES // len(piece)))


@pytest.mark.parametrize("fill", [b"\xff", b"\0"])
def test_an_mp3_may_be_filled_up(fill):
    heard = decode_in_few_calls(MP3 + fill * NUM_BYTES).waveform
    assert (heard == decode(MP3, 10.0).waveform).all()


def test_an_mp3_is_heard_on_both_sides_of_a_tag_with_a_picture():
    tag = b"ID3\4\0\0" + bytes([1, 0, 0, 0]) + FALSE * (2**21 // 4)  # a size of four times 7 bits
    once, twice = (len(decode(audio, 10.0).waveform) for audio in (MP3, MP3 + tag + MP3))
    assert twice == pytest.approx(2 * once, abs=0.1 * SAMPLE_RATE)


def test_the_last_frame_of_a_flac_is_found_before_a_tag():
    audio = bad_audio.whole_files()["pcm.flac"]
    piped = audio[:22] + bytes(4) + audio[26:] + b"APETAGEX" + b"\xff\0" * 400_000
    assert len(decode(piped, 10.0).waveform) == SAMPLE_RATE
