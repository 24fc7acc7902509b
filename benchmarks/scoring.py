"""Time and memory of score and compare on a large test set, beside jiwer on the same texts.

    python -m benchmarks.scoring [--clips 100000] [--quick]

The utterances are made up: words of random letters, as frequent as words of a language are, in four
languages with three normalizers. Every tenth sentence has a number. Each stage runs in a process of
its own. jiwer counts the errors between texts that are normalized already, by its own ``wer`` and
``cer``: no views, slices or intervals. This writes ``benchmarks/results/scoring.json``.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import jiwer

from asr.core.files import write_json
from asr.core.params import PARAMS, load_params
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.text.error_rate import char_errors, pooled, word_errors
from asr.utterances.hypothesis import Hypothesis, read_hypotheses, write_hypotheses
from asr.utterances.utterance import Utterance, read_manifest, write_manifest
from benchmarks.measure import measured, timed, write_result

LETTERS = {
    "be": "абвгдежзійклмнопрстуўфхцчшыьэюя",
    "de": "abcdefghijklmnopqrstuvwzäöüß",
    "en": "abcdefghijklmnopqrstuvwxyz",
    "sr": "abcčćdđefghijklmnoprsštuvzž",
}
NUM_WORDS = 20_000  # of a language
CLIPS_A_SPEAKER = 20
ERRORS = {"base": 0.3, "tuned": 0.15}  # share of words that the hypotheses have wrong
QUICK_CLIPS = 400


def vocabulary(language: str, rng: random.Random) -> list[str]:
    """Words of random letters; the frequent ones, at the start, are short."""
    return [
        "".join(rng.choices(LETTERS[language], k=rng.randint(1, 3) + place.bit_length() // 3))
        for place in range(1, NUM_WORDS + 1)
    ]


def sentences(language: str, rng: random.Random) -> Iterator[str]:
    """Sentences of 3 to 13 words without end; every tenth has a number."""
    words = vocabulary(language, rng)
    # Zipf's law: the n-th word is 1/n as frequent as the first.
    weights = list(accumulate(1 / place for place in range(1, NUM_WORDS + 1)))
    while True:
        chosen = rng.choices(words, cum_weights=weights, k=rng.randint(3, 13))
        if rng.random() < 0.1:
            chosen[rng.randrange(len(chosen))] = str(rng.randint(1, 3000))
        chosen[rng.randrange(len(chosen))] += ","
        yield f"{' '.join(chosen).capitalize()}."


def heard(text: str, share: float, rng: random.Random) -> str:
    """The text with words replaced, left out and added."""
    words = []
    for word in text.split():
        luck = rng.random() / share
        if luck >= 0.2:  # a fifth of the errors is a word less
            words.append(word if luck >= 1 else word[::-1])
        if 0.9 <= luck < 1:
            words.append(word)
    return " ".join(words)


def write_test_set(folder: Path, num_clips: int) -> None:
    """Write what the stages read: a manifest, two models' hypotheses, no champion, params."""
    rng = random.Random(1)
    texts = {language: sentences(language, rng) for language in LETTERS}
    utterances = []
    for number in range(num_clips):
        language = list(LETTERS)[number % len(LETTERS)]
        utterances.append(Utterance(
            id=f"{language}/{number:06}", corpus=language, text=next(texts[language]),
            duration_s=round(rng.uniform(1, 12), 2), language=language,
            speaker_id=f"s{number // len(LETTERS) // CLIPS_A_SPEAKER}", session_id=None,
            license="CC0-1.0", source="made up", sha256=f"{number:064x}",
            attributes={"snr_db": f"{rng.uniform(0, 40):.1f}"}, shard="00000.parquet", row=number,
        ))  # fmt: skip
    write_manifest(folder / "test.jsonl", utterances)
    for model, share in ERRORS.items():
        write_hypotheses(folder / f"{model}.jsonl", (
            Hypothesis(id=one.id, text=heard(one.text, share, rng), num_tokens=9,
                       mean_log_prob=-0.5, runaway=False)
            for one in utterances
        ))  # fmt: skip
    write_json(folder / "timing.json", {})
    write_json(folder / "changes.json", {"changed": [], "languages": {}})
    write_json(folder / "champion/champion.json", {"name": None})
    shutil.copy(PARAMS, folder)
    shutil.copytree("conf", folder / "conf")


def normalized_pairs(folder: Path) -> tuple[list[str], list[str]]:
    """References and the tuned model's hypotheses, normalized as the stages do."""
    normalizers = Normalizers(load_params("score", ScoreParams).normalizers)
    hypotheses = read_hypotheses(folder / "tuned.jsonl")
    pairs = [
        [normalizers.normalize(text, one.language) for text in (one.text, hypotheses[one.id].text)]
        for one in read_manifest(folder / "test.jsonl")
    ]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def counting(folder: Path) -> dict[str, dict[str, float]]:
    """Time to count WER and CER of the same normalized texts, by jiwer and as score does."""
    references, hypotheses = normalized_pairs(folder)

    def by_jiwer() -> list[float | None]:
        return [rate(references, hypotheses) for rate in (jiwer.wer, jiwer.cer)]

    def ours() -> list[float | None]:
        return [
            pooled(map(count, references, hypotheses)).rate for count in (word_errors, char_errors)
        ]

    rows, rates = {}, []
    for name, tool in (("jiwer", by_jiwer), ("ours", ours)):
        with timed() as timing:
            rates.append(tool())
        rows[name] = {"cpu_s": round(timing.cpu_s, 2), "seconds": round(timing.wall_s, 2)}
    if rates[0] != rates[1]:
        raise ValueError(f"expected the same WER and CER, got {rates[0]} by jiwer, {rates[1]}")
    return rows


def stages(folder: Path) -> dict[str, dict[str, float]]:
    """Time and memory of score, for the tuned model, and of compare."""
    inputs = ["--test-set", "test", "--manifest", "test.jsonl"]
    score = ["--hypotheses", "tuned.jsonl", "--timing", "timing.json", "--changes", "changes.json",
             "--out", "score.json", "--speed", "speed.json"]  # fmt: skip
    compare = ["--base", "base.jsonl", "--tuned", "tuned.jsonl", "--champion", "champion",
               "--out", "compare.json"]  # fmt: skip
    return {
        name: measured(folder, sys.executable, "-m", f"stages.{name}", *inputs, *words)
        for name, words in (("score", score), ("compare", compare))
    }


def main() -> None:
    """Measure, write the result and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="write no result")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_test_set(folder, given.clips)
        for code in ("asr", "stages"):
            (folder / code).symlink_to(Path(code).resolve())
        result = {"clips": given.clips, "stages": stages(folder), "counting": counting(folder)}
    write_result("scoring", result, keep=not given.quick)


if __name__ == "__main__":
    main()
