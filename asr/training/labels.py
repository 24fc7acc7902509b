"""The labels of a clip, in a form that all families share, and what is wrong with them."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from asr.core.errors import InputError
from asr.utterances.utterance import Utterance

if TYPE_CHECKING:
    import torch

IGNORED = -100  # a target that the loss leaves out: the default ``ignore_index`` of PyTorch
AUDIO = -1  # in ``ClipLabels.read``, where the model reads an embedding of the clip


@dataclass(frozen=True)
class ClipLabels:
    """What a batch holds of one clip, padding included.

    Attributes:
        read: tokens that the model reads; empty for CTC, which reads none.
        learned: the token to learn after each of ``read``, or ``IGNORED``; for CTC the targets.
        features: what the encoder reads, with time as the last axis; None if the batch has none.
    """

    read: Sequence[int]
    learned: Sequence[int]
    features: "torch.Tensor | None"


@dataclass(frozen=True)
class LabelRules:
    """What a family's labels must be like.

    Attributes:
        spell: spells tokens, control tokens too.
        text: the transcript that tokens spell; they hold no end token.
        prompts: the possible prompts of a language before the tokens of a transcript, as ``spell``
            gives them, with ``<audio>`` where the clip stands; ``("",)`` for CTC.
        written: what is left of a transcript in its labels. It changes nothing unless the tokenizer
            lacks letters.
        start: the token that begins the prompt, read exactly once; None if there is none.
        before_start: the token that begins an earlier text, which may precede ``start``.
        end: the token that ends each transcript; None for CTC.
        dropped: the token that the model reads in place of one that token dropout hides.
        never: tokens that no label holds, such as CTC's blank.
        skips_long: whether the loss leaves out a transcript that is too long for its clip; it is
            counted then, and no fault.
    """

    spell: Callable[[Sequence[int]], str]
    text: Callable[[Sequence[int]], str]
    prompts: Callable[[str, Sequence[int]], Sequence[str]]
    written: Callable[[str], str] = str
    start: int | None = None
    before_start: int | None = None
    end: int | None = None
    dropped: int | None = None
    never: frozenset[int] = frozenset()
    skips_long: bool = False


@dataclass(frozen=True)
class Parts:
    """Tokens of a clip, by what they are for.

    Attributes:
        prompt: read, not learned; with ``AUDIO``.
        text: read and learned.
    """

    prompt: list[int]
    text: list[int]


def fault(utterance: Utterance, where: str, expected: str, got: str) -> InputError:
    """The error of an utterance."""
    return InputError(f"{utterance.id}: {where}: expected {expected}, got {got}")


def spelled(tokens: Sequence[int], rules: LabelRules) -> str:
    """Tokens in letters: ``<audio>`` where the clip stands, «…» where nothing is learned."""
    signs = {AUDIO: "<audio>", IGNORED: "…"}
    runs = groupby(tokens, key=lambda token: token if token in signs else 0)
    return "".join(signs.get(kind) or rules.spell(list(run)) for kind, run in runs)


def plain(text: str) -> str:
    """A text in NFC with single spaces: tokenizers may change both."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def check_clip(
    utterance: Utterance, one: ClipLabels, rules: LabelRules, *, dropout: bool = False
) -> Parts:
    """Check what a batch holds of one clip.

    Args:
        utterance: the clip.
        one: its part of the batch.
        rules: the family's.
        dropout: whether tokens of the transcript may be read as ``rules.dropped``.

    Raises:
        InputError: at the first fault; names the utterance, what was expected and what was found.
    """
    taught = [position for position, token in enumerate(one.learned) if token != IGNORED]
    if not taught:
        raise fault(utterance, "labels", "tokens to learn", "none")
    first, last = taught[0], taught[-1]
    labels = list(one.learned[first : last + 1])
    text = _without_end(utterance, labels, rules)
    if IGNORED in text:
        got = repr(spelled(text, rules))
        raise fault(utterance, "labels", "every token of the transcript to be learned", got)
    if rules.never.intersection(text):
        got = repr([token for token in text if token in rules.never])
        raise fault(utterance, "labels", "no padding and no blank", f"the tokens {got:.80}")
    prompt = list(one.read[: first + 1])
    _check_prompt(utterance, list(one.read[: first + len(labels)]), prompt, text, rules)
    for position, (read, before) in enumerate(zip(one.read[first + 1 :], text, strict=False)):
        if read != before and not (dropout and read == rules.dropped):
            where = f"token {position + 1} that the model reads of the transcript"
            expected, got = (repr(spelled([token], rules)) for token in (before, read))
            raise fault(utterance, where, f"{expected}, the label before it", got)
    expected, got = plain(rules.written(utterance.text)), plain(rules.text(text))
    if got != expected:
        raise fault(utterance, "labels", f"the text {expected!r:.80}", f"{got!r:.80}")
    return Parts(prompt, text)


def _without_end(utterance: Utterance, labels: list[int], rules: LabelRules) -> list[int]:
    """Labels of the transcript: the end token comes once, and nothing after it."""
    if rules.end is None:
        return labels
    end = rules.spell([rules.end])
    if rules.end not in labels:
        got = f"{spelled(labels, rules)!r:.80} without it"
        raise fault(utterance, "labels", f"the end token {end} to be learned", got)
    at = labels.index(rules.end)
    if after := labels[at + 1 :]:
        got = f"{len(after)} tokens of padding or text: {spelled(after, rules)!r:.80}"
        raise fault(utterance, "labels", f"nothing to be learned after the first {end}", got)
    return labels[:at]


def _check_prompt(
    utterance: Utterance, read: list[int], prompt: list[int], text: list[int], rules: LabelRules
) -> None:
    """Check the tokens before the transcript: start, language, task, and where learning begins."""
    if rules.start is not None:
        if (count := read.count(rules.start)) != 1:
            expected = f"one {rules.spell([rules.start])} among the tokens that the model reads"
            raise fault(utterance, "prompt", expected, f"{count}: {spelled(read, rules)!r:.160}")
        if prompt[0] == rules.before_start and rules.start in prompt:
            prompt = prompt[prompt.index(rules.start) :]
    prompts, got = rules.prompts(utterance.language, text), spelled(prompt, rules)
    if got not in prompts:
        expected = " or ".join(repr(one) for one in prompts)
        raise fault(utterance, "prompt, which is not learned", expected, repr(got))
