# python -m pytest tests/test_paths.py
import pytest

from asr.core.errors import InputError
from asr.corpora.paths import AudioFiles, decode_text, read_text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xffda\nne\n", "a.txt:1: expected UTF-8, got the byte 0xff"),
        (b"\xef\xbb\xbfda\nn\xe9\nja\n", "a.txt:2: expected UTF-8, got the byte 0xe9"),
        (b"\0\nda", "a.txt:1: expected text, got a null byte"),
        (b"\nda\nn\0e\nja\n", "a.txt:3: expected text, got a null byte"),
    ],
)
def test_a_byte_that_is_no_text_is_named_with_its_line(content, message):
    with pytest.raises(InputError) as raised:
        read_text({"a.txt": content}, "a.txt")
    assert str(raised.value) == message
    with pytest.raises(InputError, match=r"^c:(7|8|9): expected"):
        decode_text(content, "c", 7)


@pytest.mark.parametrize(
    ("path", "beside", "found"),
    [
        ("a.wav", "m/t.csv", "m/a.wav"),  # not the root's
        ("a.wav", "t.csv", "a.wav"),
        ("m/a.wav", "m/t.csv", "m/a.wav"),
        ("./x\\c.wav", "t.csv", "part/x/c.wav"),
        ("clips/c.wav", "t.csv", "part/x/c.wav"),  # of a folder that is not there
    ],
)
def test_a_path_is_beside_its_table_then_from_the_root_then_where_it_is_alone(path, beside, found):
    audio = AudioFiles(dict.fromkeys(["a.wav", "m/a.wav", "part/x/c.wav", "n/d.wav", "o/d.wav"]))
    assert audio.find(path, beside, "t.csv:2: path") == (found, None)


@pytest.mark.parametrize(
    ("path", "got"), [("m/c.wav", "none"), ("d.wav", "2: n/d.wav, o/d.wav"), ("e.wav", "none")]
)
def test_a_path_that_could_be_none_or_several_is_a_fault_with_its_place(path, got):
    audio = AudioFiles(dict.fromkeys(["m/a.wav", "part/x/c.wav", "n/d.wav", "o/d.wav"]))
    fault = f"t.csv:2: path: expected one file {path!r} in the source, got {got}"
    assert audio.find(path, "t.csv", "t.csv:2: path") == (path, fault)


def test_a_file_of_a_folder_that_is_there_is_not_looked_for_elsewhere():
    audio = AudioFiles(dict.fromkeys(["m/clips/a.wav", "part/c.wav"]))
    assert audio.find("clips/c.wav", "m/t.csv", "m/t.csv:2: path")[1]
    assert audio.find("other/c.wav", "m/t.csv", "m/t.csv:2: path") == ("part/c.wav", None)
