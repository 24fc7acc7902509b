# python -m pytest tests/test_ranking.py
"""Orders of clips for correction by hand, the pool that they order, and the CSV for label tools."""

import csv
import json
from pathlib import Path

import pytest

from asr.core.csv_files import read_csv
from asr.core.errors import InputError
from asr.core.params import load_params
from asr.prediction.clips import Clip
from asr.ranking.label_csv import COLUMNS, AudioPlaces, write_label_csv
from asr.ranking.orders import ORDERS, Candidate, ranked, within
from asr.ranking.pool import candidates, read_hypotheses
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from tests.examples import tone

NORMALIZERS = Normalizers(
    load_params("score", ScoreParams, Path(__file__).parents[1] / "params.yaml").normalizers
)
HALF, TENTH = -0.6931, -0.1054  # log-probabilities of tokens that are wrong with p = 0.5 and 0.1


def candidate(name, text="", num_tokens=4, mean_log_prob=HALF, **more) -> Candidate:
    known = {"language": "be", "speaker_id": None, "duration_s": 2.0}
    return Candidate(
        name, text=text, num_tokens=num_tokens, mean_log_prob=mean_log_prob, **known | more
    )


def values(order: str, *pool: Candidate) -> list[float]:
    return ORDERS[order](pool, NORMALIZERS)


def test_confidence_counts_tokens_that_are_probably_wrong_a_second():
    found = values(
        "confidence",
        candidate("unsure"),  # 4 tokens x 0.5 / 2 s
        candidate("sure", mean_log_prob=TENTH),  # 4 x 0.1 / 2 s
        candidate("long", duration_s=8.0),  # a long clip costs more
        candidate("wordy", num_tokens=12),
    )
    assert found == pytest.approx([1.0, 0.2, 0.25, 3.0], abs=1e-3)


def test_a_loop_is_no_richer_than_the_usual_clip_with_every_token_wrong():
    pool = [candidate("a"), candidate("b", duration_s=1.0), candidate("c", duration_s=4.0),
            candidate("loop", num_tokens=400, mean_log_prob=-0.01, runaway=True)]  # fmt: skip
    assert values("confidence", *pool)[-1] == 2.0  # the median of 2, 4 and 1 tokens a second
    assert values("confidence", pool[-1]) == [0.0]


def test_disagreement_counts_word_errors_between_normalized_hypotheses_a_second():
    found = values(
        "disagreement",
        candidate("same", "Кот.", other_text="кот"),
        candidate("one word of two", "кот спіць", other_text="кот сніць"),
        candidate("nothing heard", "", other_text="кот", duration_s=1.0),
    )
    assert found == [0.0, 0.5, 1.0]


def test_both_is_the_mean_of_two_shares():
    found = values(
        "both",
        candidate("unsure, and differs", "кот", other_text="код"),
        candidate("unsure", "кот", other_text="кот"),
        candidate("sure", "кот", other_text="кот", mean_log_prob=TENTH),
        candidate("sure, and differs", "кот", other_text="код", mean_log_prob=TENTH),
    )
    # More confidence have 2, 2, 0, 0 of four; less disagreement 2, 0, 0, 2.
    assert found == [0.5, 0.25, 0.0, 0.25]


def order(pool, by_value, min_similarity=0.8) -> list[str]:
    return [pool[index].id for index in ranked(pool, by_value, min_similarity)]


def test_the_highest_value_comes_first_and_equal_ones_keep_their_order():
    pool = [candidate(name) for name in "abcd"]
    assert order(pool, [0.1, 0.5, 0.1, 0.3]) == ["b", "d", "a", "c"]


def test_near_duplicates_of_what_is_chosen_come_last():
    pool = [
        candidate("a", "The red tractor ploughs the field."),
        candidate("b", "the red tractor ploughs the fields"),
        candidate("c", "A blue bird sings."),
        candidate("empty"),
        candidate("empty too"),
    ]
    falling = [5.0, 4.0, 3.0, 2.0, 1.0]
    assert order(pool, falling) == ["a", "c", "empty", "empty too", "b"]
    assert order(pool, falling, min_similarity=0) == ["a", "b", "c", "empty", "empty too"]


def test_speakers_take_turns_with_the_best_of_their_clips():
    pool = [candidate(name, name * 9, speaker_id=name[0])
            for name in ("x1", "x2", "x3", "y1", "z1", "y2")]  # fmt: skip
    assert order(pool, [6, 5, 4, 3, 2, 1]) == ["x1", "y1", "z1", "x2", "y2", "x3"]
    without = [candidate(one.id, one.text) for one in pool]
    assert order(without, [6, 5, 4, 3, 2, 1]) == [one.id for one in pool]


def test_languages_alternate_in_proportion_to_their_clips():
    pool = [candidate(name, name * 9, language=name[:2])
            for name in ("be1", "be2", "bg1", "bg2", "bg3", "bg4")]  # fmt: skip
    # Middles of shares of their language: be at 1/4 and 3/4, bg at 1/8, 3/8, 5/8 and 7/8.
    assert order(pool, [2, 1, 6, 5, 4, 3]) == ["bg1", "be1", "bg2", "bg3", "be2", "bg4"]


def test_a_budget_takes_the_beginning_that_fits():
    pool = [candidate("a", duration_s=30.0), candidate("b", duration_s=40.0), candidate("c")]
    assert within(pool, [1, 2, 0], 42.0) == [1, 2]
    assert within(pool, [1, 2, 0], 41.9) == [1]
    assert within(pool, [1, 2, 0], 1.0) == []


def clip(name, **more) -> Clip:
    return Clip(name, "be", None, None, lambda: tone(1.0), **more)


CLIPS = [clip("a", duration_s=1.5), clip("b")]
PREDICTED = {"utterance_id": "b", "orthographic_text": "два", "duration_s": 2.5, "num_tokens": 3,
             "mean_log_prob": -0.2, "runaway": True}  # fmt: skip
TRANSCRIBED = {"id": "a", "text": "адзін", "num_tokens": 2, "mean_log_prob": -0.1, "runaway": False}


def lines(folder: Path, *rows, name="tuned.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pool_of(path, clips=CLIPS, other=None):
    second = read_hypotheses(other, clips) if other else None
    return candidates(clips, read_hypotheses(path, clips), second, need_confidence=True)


def test_hypotheses_of_predict_and_of_transcribe_are_read(tmp_path):
    path = lines(tmp_path, TRANSCRIBED, PREDICTED)
    bare = [{"utterance_id": name, "orthographic_text": name} for name in "ba"]
    assert pool_of(path, other=lines(tmp_path, *bare, name="base.jsonl")) == [
        Candidate("a", "be", None, 1.5, "адзін", 2, -0.1, runaway=False, other_text="a"),
        Candidate("b", "be", None, 2.5, "два", 3, -0.2, runaway=True, other_text="b"),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([TRANSCRIBED, PREDICTED, TRANSCRIBED], r"tuned\.jsonl:3: id 'a' appears twice"),
        ([TRANSCRIBED], r"tuned\.jsonl: expected a hypothesis for each of the 2 clips of the "
                        r"manifest, got none for 1, first 'b'"),
        ([TRANSCRIBED, PREDICTED, TRANSCRIBED | {"id": "c"}],
         r"expected hypotheses for the 2 clips of the manifest, got 1 for others, first 'c'"),
        ([TRANSCRIBED, {"id": "b", "text": "два", "duration_s": 1.0}],
         r"tuned\.jsonl: 'b': expected num_tokens and mean_log_prob, as `python -m commands\.pre"),
        ([TRANSCRIBED, TRANSCRIBED | {"id": "b"}], r"tuned\.jsonl: 'b': expected duration_s, as"),
        ([{"id": "a"}], r"tuned\.jsonl:1: .*: Field required"),
        ([TRANSCRIBED | {"mean_log_prob": 0.1}], r":1: mean_log_prob: Input should be less than"),
    ],
)  # fmt: skip
def test_hypotheses_that_do_not_fit_are_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        pool_of(lines(tmp_path, *rows))


def test_clips_that_could_not_be_read_are_left_out(tmp_path):
    path = lines(tmp_path, TRANSCRIBED)
    (tmp_path / "tuned.jsonl.failures.csv").write_text("utterance_id,why\nb,not audio\n")
    assert [one.id for one in pool_of(path)] == ["a"]
    (tmp_path / "none.jsonl.failures.csv").write_text("utterance_id,why\na,?\nb,?\n")
    with pytest.raises(InputError, match=r"none\.jsonl: expected clips with a hypothesis, got non"):
        pool_of(lines(tmp_path, name="none.jsonl"))


def written(path: Path, form: str) -> Path:
    one = candidate("=a", "-кот, і «сабака»", other_text="код")
    clips = {"=a": Clip("=a", "be", "кот", None, lambda: tone(1.0))}
    write_label_csv(path, [(one, 1.23456)], clips, {"=a": "https://x.org/a.wav"}, form)
    return path


def test_a_table_has_all_texts_and_is_safe_in_a_spreadsheet(tmp_path):
    path = written(tmp_path / "out.csv", "table")
    assert list(read_csv(path, COLUMNS)) == [
        {"rank": "1", "id": "=a", "audio": "https://x.org/a.wav", "text": "-кот, і «сабака»",
         "language": "be", "speaker_id": "", "duration_s": "2.0", "value": "1.2346",
         "other_text": "код", "old_text": "кот"},
    ]  # fmt: skip
    assert "'-кот" in path.read_text()


def test_label_studio_reads_the_text_as_it_is(tmp_path):
    path = written(tmp_path / "out.csv", "label_studio")
    # Its FileUpload.read_tasks_list_from_csv takes commas unless the header has more semicolons.
    with path.open(newline="") as file:
        (task,) = csv.DictReader(file)
    assert (task["id"], task["text"]) == ("=a", "-кот, і «сабака»")
    assert task["audio"] == "https://x.org/a.wav"


def test_a_url_is_that_of_the_folder_and_the_path_below_it():
    places = AudioPlaces(Path("clips"), "/data/local-files/?d=clips/")
    assert places.of(Path("clips/a b/ў.wav")) == "/data/local-files/?d=clips/a%20b/%D1%9E.wav"
    assert AudioPlaces(Path("clips"), None).of(Path("clips/a.wav")) == str(
        Path("clips/a.wav").absolute()
    )
    with pytest.raises(InputError, match=r"--audio-url: expected audio below clips, got /b\.wav"):
        places.of(Path("/b.wav"))
