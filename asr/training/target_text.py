"""What the model learns to write: the transcript, or a plainer form of it.

Apart from how it is scored, and applied where training reads its manifests, which keep the
transcript: another choice here reruns training alone.
"""

from collections.abc import Sequence

import regex
from tqdm import tqdm

from asr.text.cleaning import without_points
from asr.text.scripts import in_script
from asr.training.params import TextParams
from asr.utterances.utterance import Utterance

_REPEATED = regex.compile(r"([.!?,;:…‥、。！？،؟؛-])\1+")
# «аб'ект», «по-русски», «col·legi», «צה״ל», «3,5», «12:30», «5 %»: of the word, or heard.
_OF_THE_WORD = (
    r"(?<=[\p{L}\p{M}\p{N}])['’ʼ\-‐‑־·״׳\"](?=[\p{L}\p{N}])|(?<=\p{N})[.,:/](?=\p{N})|[%‰&@#§]"
)
_PUNCTUATION = regex.compile(rf"(?:{_OF_THE_WORD})(*SKIP)(*FAIL)|\p{{P}}")
_HEBREW = frozenset({"he", "yi"})


def target_texts(utterances: Sequence[Utterance], params: TextParams) -> list[Utterance]:
    """The utterances with the texts to learn; says how many differ from their transcripts."""
    learned = [one.model_copy(update={"text": target_text(one, params)}) for one in utterances]
    changed = sum(a.text != b.text for a, b in zip(utterances, learned, strict=True))
    if changed:
        tqdm.write(f"train.text: {changed} of {len(learned)} transcripts are learned otherwise")
    return learned


def target_text(utterance: Utterance, params: TextParams) -> str:
    """The text to learn: not empty where the transcript has a letter or digit."""
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
