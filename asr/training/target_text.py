"""Target texts of training: the transcript, or a simpler form of it.

They are independent of scoring. Manifests hold the transcripts, and training simplifies them after
reading, so a change here reruns training but not the data stages.
"""

from collections.abc import Sequence

import regex
from tqdm import tqdm

from asr.text.cleaning import without_points
from asr.text.scripts import in_script
from asr.training.params import TextParams
from asr.utterances.utterance import Utterance

_REPEATED = regex.compile(r"([.!?,;:…‥、。！？،؟؛-])\1+")
# Marks inside words («аб'ект», «по-русски», «col·legi», «צה״ל») or numbers («3,5», «12:30»), and
# signs that are spoken («5 %»).
_KEPT = r"(?<=[\p{L}\p{M}\p{N}])['’ʼ\-‐‑־·״׳\"](?=[\p{L}\p{N}])|(?<=\p{N})[.,:/](?=\p{N})|[%‰&@#§]"
_PUNCTUATION = regex.compile(rf"(?:{_KEPT})(*SKIP)(*FAIL)|\p{{P}}")
_HEBREW = frozenset({"he", "yi"})


def target_texts(utterances: Sequence[Utterance], params: TextParams) -> list[Utterance]:
    """Replace transcripts by target texts; print how many changed.

    An utterance whose text is the target already is not copied: 0.9 kB each.
    """
    targets = []
    for one in utterances:
        text = target_text(one, params)
        targets.append(one if text == one.text else one.model_copy(update={"text": text}))
    if changed := sum(a is not b for a, b in zip(utterances, targets, strict=True)):
        tqdm.write(f"train.text: changed {changed} of {len(targets)} transcripts for training")
    return targets


def target_text(utterance: Utterance, params: TextParams) -> str:
    """Target text of an utterance; never empty if the transcript has a letter or digit."""
    text, language = utterance.text, utterance.language
    if params.hebrew_points == "drop" and language in _HEBREW:
        text = _spaced(without_points(text), text)
    if params.punctuation == "fold":
        text = _REPEATED.sub(r"\1", text)
    elif params.punctuation == "drop":
        text = _spaced(_PUNCTUATION.sub(" ", text), text)
    return in_script(text, language, params.script)


def _spaced(changed: str, before: str) -> str:
    return before if changed == before else " ".join(changed.split())
