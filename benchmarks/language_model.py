"""What a language model from text gives: WER on test, by dictionary words and by candidates.

    python -m benchmarks.language_model models/tuned

Each language model is built from the transcripts of train and so many words of ``lm.text``, drawn
at random; its weights are tuned on dev. WER without is that of the search's own choice among the
same candidates. CPU seconds are those of listing the candidates of test, once for each number of
them, and those of building and of choosing, with dev.
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asr.core.params import load_family_params, load_params
from asr.decoding.candidates import ListingEngine
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import tokens_per_letter, transcribe_all
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.language_model.build import build
from asr.language_model.leaks import LeakCheck
from asr.language_model.model import LanguageModel
from asr.language_model.params import LmParams
from asr.language_model.rescore import scored, tune
from asr.language_model.texts import Text, texts_of
from asr.sources.params import FetchParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance, read_manifest
from benchmarks.accuracy import clip_errors, difference, wer
from benchmarks.corpora import Clip, read_corpus
from benchmarks.measure import timed, write_result

MANIFESTS = Path("data/manifests")
NUM_CLIPS, QUICK_CLIPS = 100_000, 8
NUM_WORDS: tuple[int | None, ...] = (0, 1_000, 10_000, 100_000, None)  # None: all
NUM_CANDIDATES = (5, 20)
Lists = Mapping[str, Sequence[Hypothesis]]  # candidates by utterance id


def list_candidates(
    folder: Path, train: Sequence[Utterance], clips: Sequence[Clip], num: int
) -> tuple[dict[str, list[Hypothesis]], float]:
    """The candidates of each clip, and the CPU seconds that they took."""
    name = load_params("model", ModelParams).family
    family, params = family_module(name, "decoding"), load_params("decode", DecodeParams)
    own = load_family_params(name, "decode", family.OwnParams)
    engine = family.open_engine(folder, load_params("machine", MachineParams), params, own)
    per_letter = tokens_per_letter(train, family_module(name, "tokens").open_tokens(folder))
    listing = ListingEngine(engine, num)
    waveforms, utterances = [waveform for waveform, _ in clips], [one for _, one in clips]
    computed = family.computed_seconds(folder, own)
    with timed() as timing:
        transcribe_all(listing, waveforms, utterances, computed, params, per_letter)
    return listing.lists, round(timing.cpu_s, 2)


def row(
    language: str,
    splits: Mapping[str, Sequence[Clip]],
    transcripts: Sequence[str],
    words: Sequence[str],
    lists: Lists,
    params: LmParams,
) -> dict[str, Any]:
    """WER of one language with a language model of ``words``, and without.

    Args:
        language: of all clips and words.
        splits: ``dev`` and ``test``.
        transcripts: of train.
        words: of a dictionary.
        lists: candidates of dev and test.
        params: section ``lm``.
    """
    texts = [Text("words", "unknown", True, iter(words))] if words else []
    with TemporaryDirectory() as folder:
        out = Path(folder, language)
        with timed() as building:
            build(language, transcripts, iter(texts), LeakCheck([], 0), params, out)
        with timed() as choosing:
            model = LanguageModel(out, language, [])
            dev = [one for _, one in splits["dev"]]
            of_dev = {one.id: scored(lists[one.id], model) for one in dev}
            tuned = tune(dev, of_dev, params, language)
            found = [scored(lists[one.id], model) for _, one in splits["test"]]
            after = [one.hypotheses[one.best(tuned.weights)].text for one in found]
    before = [one.hypotheses[0].text for one in found]
    errors = [clip_errors(splits["test"], texts) for texts in (before, after)]
    return {
        "words": len(words),
        "wer_without": wer(errors[0]),
        "wer": wer(errors[1]),
        "wer_difference": difference(splits["test"], *errors),
        "dev": tuned.described(),
        "build_cpu_s": round(building.cpu_s, 2),
        "choose_cpu_s": round(choosing.cpu_s, 2),
    }


def drawn(words: Sequence[str], num: int | None) -> list[str]:
    """So many words, the same ones each time; all if ``num`` is None or exceeds them."""
    # Of a list in order, the first ones would all begin with the same letter.
    mixed = random.Random(1).sample(words, len(words))
    return mixed[:num]


def measure(folder: Path, count: int, dictionaries: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Rows by language, number of candidates and number of words."""
    train = read_manifest(MANIFESTS / "train.jsonl")
    corpora = {
        name: read_corpus("starter", MANIFESTS / f"{name}.jsonl", count) for name in ("dev", "test")
    }
    params = load_params("lm", LmParams)
    rows, seconds = [], {}
    for num in NUM_CANDIDATES:
        lists, _ = list_candidates(folder, train, corpora["dev"].clips, num)
        of_test, seconds[str(num)] = list_candidates(folder, train, corpora["test"].clips, num)
        for (language, words), num_words in product(dictionaries.items(), NUM_WORDS):
            splits = {
                name: [clip for clip in corpus.clips if clip[1].language == language]
                for name, corpus in corpora.items()
            }
            own = [one.text for one in train if one.language == language]
            some = drawn(words, num_words)
            found = row(language, splits, own, some, lists | of_test, params)
            rows.append({"language": language, "candidates": num, **found})
    return {"clips": corpora["test"].facts(), "decode_cpu_s": seconds, "rows": rows}


def main() -> None:
    """Measure, print and write ``benchmarks/results/language_model.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    options = parser.parse_args()
    params, limits = load_params("lm", LmParams), load_params("fetch", FetchParams)
    dictionaries = {
        language: [word for text in texts_of(language, params, limits) for word in text.lines]
        for language in sorted(params.text)
    }
    count = QUICK_CLIPS if options.quick else NUM_CLIPS
    result = measure(options.model, count, dictionaries)
    write_result("language_model", result, keep=not options.quick)


if __name__ == "__main__":
    main()
