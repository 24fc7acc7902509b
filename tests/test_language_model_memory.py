# python -m pytest tests/test_language_model_memory.py
"""The stage lm streams its texts: what it holds in memory does not grow with their size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Runs in a process of its own, whose peak is nobody else's.
BUILD = """
import json, sys
from pathlib import Path
from asr.core.params import load_params
from asr.language_model.build import build
from asr.language_model.leaks import LeakCheck
from asr.language_model.params import LmParams
from asr.language_model.texts import texts_of
from asr.sources.params import FetchParams
from benchmarks.measure import peak_mb
from tests.examples import utterance

folder, max_words = Path(sys.argv[1]), int(sys.argv[2])
params = load_params("lm", LmParams).model_copy(
    update={"text": {}, "folder": str(folder), "max_words": max_words}
)
limits = FetchParams(max_file_mb=1.0, max_url_s=1.0)
leaks = LeakCheck([utterance("1", text="Пасажырскія перавозкі.")], 0.8)
texts = texts_of("be", params, limits)
described = build("be", ["Чорны кот, белая сабака"], texts, leaks, params, folder / "be")
print(json.dumps({"peak_mb": peak_mb(), "num_words": described["num_words"]}))
"""
WORDS = ["чорны", "кот", "белая", "сабака", "белы", "кот", "барсук"]
LINES = f"{' '.join(WORDS * 10)}\n" * 100
NUM_WORDS = len(WORDS) * 1000


def built(folder, name, megabytes, max_words):
    """Build from a text of this size; returns the peak, and how often LINES was in the text."""
    repeats = (megabytes << 20) // len(LINES.encode())
    with (folder / name).open("w", encoding="utf-8") as file:
        for _ in range(repeats):
            file.write(LINES)
    words = [sys.executable, "-c", BUILD, str(folder), str(max_words)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), repeats


@pytest.mark.parametrize(
    "megabytes",
    [pytest.param(50, marks=pytest.mark.integration), pytest.param(1024, marks=pytest.mark.slow)],
)
def test_a_long_list_is_read_to_its_end_in_the_memory_of_a_short_one(tmp_path, megabytes):
    told, repeats = built(tmp_path, "be.words.txt", megabytes, 10**10)
    assert told["num_words"] == 4 + repeats * NUM_WORDS
    assert told["peak_mb"] < 120  # Python and libraries: 63


@pytest.mark.parametrize(
    "megabytes",
    [pytest.param(50, marks=pytest.mark.integration), pytest.param(1024, marks=pytest.mark.slow)],
)
def test_of_a_long_text_the_first_max_words_are_read(tmp_path, megabytes):
    told, _ = built(tmp_path, "be.txt", megabytes, 100_000)
    assert 100_000 <= told["num_words"] <= 100_069  # up to the end of a line
    assert told["peak_mb"] < 120
