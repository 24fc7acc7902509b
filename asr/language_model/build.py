"""Build the language model of a language: its words, and n-grams of words and of letters.

kaldingram estimates the n-grams, with Kneser-Ney smoothing. It counts in memory, so
``lm.max_words`` bounds what is read of a text of any size.
"""

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from os import devnull
from pathlib import Path
from typing import Any

from tqdm import tqdm

from asr.core.errors import InputError, needs
from asr.language_model.leaks import LeakCheck
from asr.language_model.params import LmParams
from asr.language_model.texts import Text, in_the_language
from asr.language_model.words import LETTERS, VOCABULARY, WORDS, sentences_of, spelled, words_of

# Words whose letters are counted: with 50 000 of 690 635 Belarusian words the n-gram of letters
# takes 4 s and 4 MB.
NUM_SPELLED = 50_000


@dataclass
class _Counted:
    """What was read so far."""

    vocabulary: set[str] = field(default_factory=set)
    num_sentences: int = 0
    num_words: int = 0


def build(
    language: str,
    transcripts: Sequence[str],
    texts: Iterator[Text],
    leaks: LeakCheck,
    params: LmParams,
    out: Path,
) -> dict[str, Any]:
    """Write the words and the ARPA files of a language into the folder ``out``.

    Args:
        language: ISO 639 code.
        transcripts: of the training set in this language.
        texts: further text; ``lm.max_words`` leaves out the last.
        leaks: dev and test.
        params: section ``lm``.
        out: folder to make.

    Returns:
        What was read, for ``lm.json``.

    Raises:
        InputError: if a text leaks or is in other letters, or there is no sentence at all.
    """
    out.mkdir(parents=True)
    counted = _Counted()
    read: list[dict[str, Any]] = []
    sentences = out / "sentences.txt"
    with sentences.open("w", encoding="utf-8") as file:
        for line in transcripts:
            file.write(_sentence(line, language, counted))
        letters = frozenset("".join(counted.vocabulary))
        for text in texts:
            before = counted.num_words
            checked = in_the_language(text, language, letters)
            for line in checked.lines if text.is_list else leaks.passed(checked.lines, text.name):
                if counted.num_words >= params.max_words:
                    tqdm.write(
                        f"lm: {text.name}: {counted.num_words - before} words read, the rest not: "
                        f"lm.max_words is {params.max_words}"
                    )
                    break
                for part in (line,) if text.is_list else sentences_of(line):
                    sentence = _sentence(part, language, counted)
                    if not text.is_list:
                        file.write(sentence)
            read.append({"name": text.name, "license": text.license, "is_list": text.is_list,
                         "num_words": counted.num_words - before})  # fmt: skip
    if not counted.vocabulary:
        raise InputError(f"lm.text.{language}: expected transcripts or text, got no word")
    vocabulary = sorted(counted.vocabulary)
    (out / VOCABULARY).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    _estimate(sentences, params.order, out / WORDS)
    _add_unigrams(out / WORDS, vocabulary)
    # Not the first ones: words with the same beginning stand together.
    chosen = random.Random(0).sample(vocabulary, min(NUM_SPELLED, len(vocabulary)))
    sentences.write_text("\n".join(map(spelled, chosen)) + "\n", encoding="utf-8")
    _estimate(sentences, params.letters, out / LETTERS)
    sentences.unlink()
    return {
        "num_transcripts": len(transcripts),
        "num_sentences": counted.num_sentences,
        "num_words": counted.num_words,
        "num_known_words": len(vocabulary),
        "texts": read,
    }


def _sentence(line: str, language: str, counted: _Counted) -> str:
    words = words_of(line, language)
    counted.vocabulary.update(words)
    counted.num_words += len(words)
    counted.num_sentences += bool(words)
    return f"{' '.join(words)}\n" if words else ""


def _estimate(sentences: Path, order: int, out: Path) -> None:
    with needs("language_model", "lm.weight: dev"):
        from kaldingram import train
    with Path(devnull).open("w") as quiet, redirect_stderr(quiet):
        train.main(["--ngram-order", str(order), "--text", str(sentences), "--lm", str(out)])


def _add_unigrams(arpa: Path, vocabulary: Sequence[str]) -> None:
    """Add the words of lists to an ARPA file, as rare as a word that came half a time.

    Without, a decoder would take them for unknown. What they get is not taken from the others: that
    would move every probability, and only differences matter in decoding.
    """
    text = arpa.read_text(encoding="utf-8")
    head, _, rest = text.partition("\n\\1-grams:\n")
    unigrams, _, longer = rest.partition("\n\n")
    known = {line.split("\t")[1] for line in unigrams.splitlines()}
    new = [word for word in ("<unk>", *vocabulary) if word not in known]
    log_prob = -math.log10(2.0 * len(vocabulary))
    lines = [unigrams, *(f"{log_prob:.7f}\t{word}\t0" for word in new)]
    count = f"ngram 1={len(known)}"
    if count not in head:
        raise InputError(f"{arpa}: expected {count!r} in its head, got {head!r:.80}")
    head = head.replace(count, f"ngram 1={len(known) + len(new)}")
    joined = "\n".join(lines)
    arpa.write_text(f"{head}\n\\1-grams:\n{joined}\n\n{longer}", encoding="utf-8")
