# python -m pytest tests/test_hypothesis.py
import pytest

from asr.core.errors import InputError
from asr.utterances.hypothesis import Hypothesis, read_hypotheses, write_hypotheses


def hypothesis(name, text="Ça va\u2028bien.", **fields):
    known = {"num_tokens": 5, "mean_log_prob": -0.25, "runaway": False}
    return Hypothesis(id=name, text=text, **known | fields)


def test_hypotheses_come_back_by_id(tmp_path):
    one, two = hypothesis("xx/a"), hypothesis("xx/b", "", runaway=True, mean_log_prob=0.0)
    write_hypotheses(tmp_path / "h.jsonl", [one, two])
    assert read_hypotheses(tmp_path / "h.jsonl") == {"xx/a": one, "xx/b": two}


def test_an_id_that_comes_twice_is_named(tmp_path):
    path = tmp_path / "h.jsonl"
    write_hypotheses(path, [hypothesis("xx/a"), hypothesis("xx/b"), hypothesis("xx/a")])
    with pytest.raises(InputError, match=r"h\.jsonl:3: id 'xx/a' appears twice"):
        read_hypotheses(path)


def test_a_bad_line_names_file_line_and_key(tmp_path):
    path = tmp_path / "h.jsonl"
    write_hypotheses(path, [hypothesis("xx/a"), hypothesis("xx/b")])
    path.write_text(path.read_text().replace("-0.25", "0.25"))
    with pytest.raises(InputError, match=r"h\.jsonl:1: mean_log_prob: .*got 0\.25"):
        read_hypotheses(path)
