"""What benchmarks stand on: clips, clocks, tables. ``pytest tests/test_benchmarks.py``"""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.core.params import load_params
from asr.language_model.params import LmParams
from asr.scoring.params import ScoreParams
from asr.scoring.score import Scored
from asr.text.error_rate import ErrorCounts
from asr.utterances.hypothesis import Hypothesis
from benchmarks import families, forgetting, language_model
from benchmarks.corpora import LENGTHS, joined
from benchmarks.in_turn import measure_in_turn
from benchmarks.measure import Timing, ratio
from benchmarks.size_tables import hours_table, million_table, pushing_table
from benchmarks.tables import benchmark_table, fill, forgetting_table, language_model_table
from benchmarks.targets import target_table, targets
from tests.benchmark_tools import adding, failing
from tests.examples import utterance
from tests.tiny_families import WHISPER

ROOT = Path(__file__).parents[1]


def test_forgetting_is_compared_with_the_model_tuned_without_replay():
    ones = [utterance(f"{n}", language=c, corpus=c) for c in ("be", "bg", "ru", "es")
            for n in range(12)]  # fmt: skip

    def scored(known, learned):
        counts = {"ru": known, "es": known, "be": learned, "bg": learned}
        return [Scored(one, "a b", "", *[ErrorCounts(2, counts[one.language])] * 4, runaway=False)
                for one in ones]  # fmt: skip

    ours = load_params("score", ScoreParams, ROOT / "params.yaml")
    params = ours.model_copy(update={"num_resamples": 100})
    runs = {"base": scored(1, 2), "0.0": scored(2, 1), "0.05": scored(1, 1)}
    result = json.loads(json.dumps({"rows": forgetting.rows(runs, params, seed=1)}, sort_keys=True))
    less, same = "0.500 (-0.500 [-0.632, -0.368])", "0.500 (+0.000 [-0.132, +0.132])"
    assert forgetting_table(result).splitlines() == [
        "| test WER | ru | es | be | bg |",
        "|---|---|---|---|---|",
        "| before tuning | 0.500 | 0.500 | 1.000 | 1.000 |",
        "| replay 0% | 1.000 | 1.000 | 0.500 | 0.500 |",
        f"| replay 5% | {less} | {less} | {same} | {same} |",
    ]


def test_a_language_model_of_more_words_is_compared_with_the_searchs_own_choice():
    splits = {
        name: [(np.zeros(1, np.float32), utterance(f"{name}{n}", text="Рыба", language="be"))
               for n in range(12)]
        for name in ("dev", "test")
    }  # fmt: skip
    lists = {
        one.id: [Hypothesis(id=one.id, text=text, num_tokens=4, mean_log_prob=log_prob,
                            runaway=False) for text, log_prob in (("рыпа", -0.1), ("рыба", -0.2))]
        for clips in splits.values() for _, one in clips
    }  # fmt: skip
    params = load_params("lm", LmParams)
    rows = [
        {"language": "be", "candidates": 5,
         **language_model.row("be", splits, ["рып бак"], words, lists, params)}
        for words in ([], ["рыба", "рыбак"])
    ]  # fmt: skip
    assert [(row["wer_without"], row["wer"]) for row in rows] == [(1.0, 1.0), (1.0, 0.0)]
    table = language_model_table({"rows": rows, "decode_cpu_s": {"5": 9.0}})
    assert "| be | 5 | 2 | 1.000 | 0.000 (-1.000 [-1.265, -0.735]) | 9 + 0 |" in table
    assert language_model.drawn(list("абв"), 2) == language_model.drawn(list("абв"), None)[:2]


def clips():
    return [
        utterance(f"{language}{n}", language=language, duration_s=1.0 + n / 50)
        for language in ("be", "bg")
        for n in range(40)
    ]


def test_joined_clips_have_the_lengths_of_their_corpus_and_one_language_each():
    for name, shortest_s, longest_s, mean_s in (("cv", 1.0, 11.0, 5.0), ("long", 9.0, 30.0, 20.0)):
        known = clips()
        examples = joined(known, LENGTHS[name], 400, random.Random(1))
        durations_s = [example.duration_s for example in examples]
        assert min(durations_s) > shortest_s
        assert max(durations_s) <= longest_s
        assert np.mean(durations_s) == pytest.approx(mean_s, abs=0.5)
        for example in examples:
            assert len({known[piece.index].language for piece in example.pieces}) == 1


def test_joined_clips_are_the_same_for_the_same_seed_alone():
    first, again, other = (
        joined(clips(), LENGTHS["cv"], 20, random.Random(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_no_clip_comes_again_before_all_of_its_language_came():
    pieces = [
        p.index for e in joined(clips(), LENGTHS["cv"], 12, random.Random(1)) for p in e.pieces
    ]
    belarusian = [index for index in pieces if index < 40]
    assert len(set(belarusian[:40])) == len(belarusian[:40])


def test_the_ratio_is_the_median_over_the_parts_that_both_ran():
    ours = {
        0: Timing(1.0, 1.0),
        1: Timing(1.0, 2.0),
        2: Timing(1.0, 1.0),
        3: Timing(1.0, 100.0),
    }
    peer = {0: Timing(3.0, 4.0), 1: Timing(5.0, 4.0), 2: Timing(4.0, 10.0)}
    assert ratio(ours, peer) == {"cpu": 4.0, "wall": 4.0}


HOLD_AND_LET_GO = """
from benchmarks.measure import reset_peak, peak_mb
held = bytearray(b"1") * (96 << 20)
del held
reset_peak()
before = peak_mb()
held = bytearray(b"1") * (64 << 20)
del held
print(before, peak_mb())
"""


@pytest.mark.integration
def test_the_peak_counts_what_was_held_and_let_go_since_the_reset():
    # In a process of its own: of one that has grown large the system takes pages back meanwhile.
    words = [sys.executable, "-c", HOLD_AND_LET_GO]
    before, after = map(int, subprocess.check_output(words, cwd=ROOT, text=True).split())
    assert before < 60  # what was freed before the reset does not count
    assert before + 60 <= after < before + 90


@pytest.mark.integration
def test_all_do_the_parts_in_turn_and_the_slow_only_the_first():
    measured = measure_in_turn({"a": adding(0), "b": adding(10)}, [1, 2, 3], {"b": 2})
    assert measured["a"].outcomes == {0: 1, 1: 3, 2: 6}
    assert measured["b"].outcomes == {0: 11, 1: 13}
    assert measured["a"].peak_mb > 0


def test_a_tool_that_fails_stops_the_benchmark_with_its_name_and_reason():
    with pytest.raises(RuntimeError, match=r"(?s)^c: .*nothing to load"):
        measure_in_turn({"c": failing}, [1], {})


def test_a_table_has_a_dash_for_what_was_not_measured():
    row = {"times_int8": {"cpu": 30.25, "wall": 20.0}, "wer": 0.5, "peak_mb": 800, "clips": 63,
           "wer_difference": {"mean": -0.01, "low": -0.02, "high": 0.005}}  # fmt: skip
    facts = {"mean_s": 1.4, "shortest_s": 0.4, "longest_s": 12.0}
    table = benchmark_table({"decoding_starter": {"clips": facts, "tuned": {"ours": row}}})
    measured = "| tuned model: ours | 30.2 (20.0) | 0.500 (-0.010 [-0.020, +0.005]), 63 clips |"
    assert f"{measured} 800 |" in table
    assert "long clips" not in table  # nobody measured those


def test_tables_replace_what_was_between_the_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    fill(readme, "benchmarks", "new")
    assert readme.read_text() == ("before\n<!-- benchmarks -->\nnew\n<!-- /benchmarks -->\nafter\n")


def test_a_missed_target_says_what_the_machine_has_left():
    row = {"times_standard": {"cpu": 12.0}, "peak_mb": 900}
    trainers = {"default": row, "standard": {"times_standard": {"cpu": 1.0}, "peak_mb": 1000}}
    step = {"tune": "full", "trainer": "default", "corpus": "starter", "share_of_peak": 0.75}
    results = {"training_starter": {"tune": {"full": trainers}}, "step": {"steps": [step]}}
    found = targets(results, margin_s=0.5)
    speed, memory = target_table(found).splitlines()[2:]
    assert speed.startswith("| training full, default, starter | 14 times | 12.0 times | missed:")
    assert "75% of the machine's peak in matrix products" in speed
    assert "at 100% would be 16.0 |" in speed
    assert memory.endswith("| 1000 MB at most | 900 MB | met |")


HEAVY_ONES_THERE = """
import sys, benchmarks.decoding
print(sorted({"torch", "transformers", "pyarrow", "ctranslate2"} & sys.modules.keys()))
"""


@pytest.mark.integration
def test_a_tool_that_is_compared_is_not_charged_with_our_libraries():
    words = [sys.executable, "-c", HEAVY_ONES_THERE]
    assert subprocess.check_output(words, cwd=ROOT, text=True).strip() == "[]"


@pytest.mark.integration
def test_every_family_is_measured_with_its_own_length_and_with_30_s():
    found = families.run("cpu", "fp32", quick=True)
    assert set(found["models"]) == {"Whisper", "Qwen3-ASR", "speech_llm"}
    for model in found["models"].values():
        assert 0 < model["trainable_share"] < 1
        for length in ("own length", "30 s"):
            assert 0 < model[length]["training"]["share_of_peak"] < 1
            assert model[length]["training"]["clips_a_s"] > 0
            assert model[length]["decoding"]["memory_mb"] > 0


def test_tables_of_size_have_a_row_a_size_and_name_the_cores_that_a_gpu_needs():
    start = {"cpu_s": 10.4, "peak_mb": 1000, "disk_bytes": 20_000}
    hours = {
        "hours": {"100": {"clips": 269_079, "train": start, "transcribe": start},
                  "10": {"clips": 27_222, "train": start, "transcribe": start}},
        "loader": {"us": {"read": 100.0}, "clips_per_s": {"1": 1000, "2": 1900}, "mean_s": 1.4},
        "cold": {"ms_a_clip": 1.25, "gb": 0.8},
    }  # fmt: skip
    lines = hours_table(hours)
    assert lines[2] == "| 10 | 27,222 | 10 | 1,000 | 10 | 1,000 | 0.04 |"
    assert [line.split(" |")[0] for line in lines[2:4]] == ["| 10", "| 100"]
    assert "| clips a second, `loader_threads: 2` | 1,900 |" in lines
    assert "| cores for the 13,000 clips a second of an H200 | 13 |" in lines
    step = {"cpu_s": 2.0, "peak_mb": 1500.0, "html_mb": 0.44}
    stages = dict.fromkeys(("split", "score", "compare", "report"), step)
    million = million_table({"1000": {"steps": stages}, "100": {"steps": stages}})
    assert million[0] == "| CPU seconds (peak MB) | 100 utterances | 1,000 utterances |"
    assert million[-1] == "| report page, MB | 0.4 | 0.4 |"
    row = {"step": "10 more", "shards": 200, "files_sent": 5, "bytes": 10**8, "bytes_sent": 10**6,
           "bytes_pulled": 10**6}  # fmt: skip
    pushed = pushing_table({"hours": 3.0, "shard_bytes": 2**21, "rows": [row]})
    assert pushed[-1] == "| 10 more | 200 | 5 | 1.0 | 1% | 1.0 |"


@pytest.mark.slow
def test_the_stages_after_prepare_are_measured_on_a_hundred_lines(made_once, capfd):
    base = made_once("tiny-whisper", lambda folder: WHISPER.write_base(folder / "base")) / "base"
    words = [sys.executable, "-m", "benchmarks.million", "--sizes", "100", "--quick"]
    subprocess.run([*words, "--model", base], cwd=ROOT, check=True)
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("100 ")] == [
        "split", "score", "compare", "report"
    ]  # fmt: skip
