"""The verdict of a run, in sentences that the page and the Markdown share."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from asr.report.formatting import count, interval, plural, rate, signed, verdict_words
from asr.report.metrics import MODELS, Metrics

HEADLINES = {
    "better": "The tuned model is better",
    "worse": "The tuned model is worse",
    "the same": "The tuned model is as good as the base model",
    "inconclusive": "No sure difference",
}
NO_WORDS = "No WER: the references hold no words"
TONES = {"better": "better", "pass": "better", "worse": "worse", "fail": "worse"}


@dataclass(frozen=True)
class Headline:
    """The verdict on WER overall; both rates are None if the references hold no words."""

    words: str
    tone: str
    base: float | None
    tuned: float | None

    def __str__(self) -> str:
        if self.base is None or self.tuned is None:
            return self.words
        return f"{self.words}: WER {rate(self.base)} → {rate(self.tuned)}"


@dataclass(frozen=True)
class Tile:
    """One figure of both models, formatted, and a note such as the difference."""

    name: str
    base: str
    tuned: str
    note: str


def tone(status: str) -> str:
    """How the page shows a verdict or the status of a gate."""
    return TONES.get(status, "unsure")


def headline(metrics: Metrics) -> Headline:
    """The verdict on the whole test set."""
    wer = metrics.compare["groups"]["overall"]["wer"]
    if wer["difference"] is None:
        return Headline(NO_WORDS, "unsure", None, None)
    return Headline(HEADLINES[wer["verdict"]], tone(wer["verdict"]), wer["base"], wer["tuned"])


def verdict_sentences(metrics: Metrics) -> list[str]:
    """Explain the headline: the differences, the champion, the gates, the worst slice."""
    overall = metrics.compare["groups"]["overall"]
    sentences = []
    if overall["wer"]["difference"] is not None:
        wer, cer = (_difference(overall[unit]) for unit in ("wer", "cer"))
        sentences.append(f"WER changes by {wer}, CER by {cer}.")
    sentences.append(
        f"Of {plural(overall['num_utterances'], 'test utterance')}, the tuned model makes fewer "
        f"word errors than the base model on {count(overall['num_better'])} and more on "
        f"{count(overall['num_worse'])}."
    )
    if champion := metrics.compare.get("champion"):
        wer = champion["groups"]["overall"]["wer"]
        sentences.append(
            f"Against the champion {champion['name']}: {verdict_words(wer['verdict'])}, WER "
            f"{rate(wer['champion'])} → {rate(wer['tuned'])}, {_difference(wer)}."
        )
    if metrics.gates:
        sentences.append(_gates(metrics.gates))
    if worst := metrics.score["tuned"]["worst_slice"]:
        sentences.append(
            f"The worst of {plural(worst['num_slices'], 'slice')} is {worst['kind']} "
            f"{worst['value']}: WER {rate(worst['wer'])} "
            f"{interval(worst['wer_interval'])}, {plural(worst['num_utterances'], 'utterance')}."
        )
    return sentences


def tiles(metrics: Metrics) -> list[Tile]:
    """The figures below the headline: both error rates, runaways, speed."""
    overall = metrics.compare["groups"]["overall"]
    found = []
    for unit, name in (("wer", "Word error rate"), ("cer", "Character error rate")):
        one = overall[unit]
        base, tuned = (rate(one[model]) for model in MODELS)
        found.append(Tile(f"{name}, {unit.upper()}", base, tuned, _difference(one)))
    base, tuned = (
        count(metrics.score[model]["groups"]["overall"]["num_runaways"]) for model in MODELS
    )
    of = f"of {count(overall['num_utterances'])}"
    found.append(Tile("Runaway hypotheses", base, tuned, of))
    base, tuned = (f"{metrics.speed[model]['rtfx']:.1f}" for model in MODELS)
    device = f"on {metrics.speed['tuned']['device']}"
    found.append(Tile("Decoding, times real time", base, tuned, device))
    return found


def _difference(compared: dict[str, Any]) -> str:
    ends = interval(compared["difference_interval"], sign=True)
    return f"{signed(compared['difference'])} {ends}".rstrip()


def _gates(gates: dict[str, dict[str, Any]]) -> str:
    found = Counter(gate["status"] for gate in gates.values())
    parts = [f"{found[status]} {status}" for status in ("pass", "fail", "not measured")]
    return f"Of {plural(len(gates), 'gate')}: {', '.join(parts)}."
