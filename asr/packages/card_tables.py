"""The tables of the model card."""

from collections.abc import Mapping, Sequence
from typing import Any

from asr.packages.markdown import Markdown, table
from asr.report.formatting import NONE, interval, percent, rate, signed, spaced

MODELS = ("base", "tuned")
_RANK = {"fail": 0, "not measured": 1, "pass": 2}  # what fails comes first


def scores_table(scores: Mapping[str, Any]) -> Markdown:
    """WER of the base model and of this one, the difference, and CER, by test set and group."""
    rows = []
    for name, score in scores.items():
        wer, cer = score["wer"], score["cer"]
        difference = signed(wer["difference"]), interval(wer["difference_interval"], sign=True)
        rows.append((
            name, score["tuned"]["num_utterances"],
            *(_with_interval(wer[one], wer[f"{one}_interval"]) for one in MODELS),
            " ".join(filter(None, difference)), wer["verdict"],
            *(rate(cer[one]) for one in MODELS),
        ))  # fmt: skip
    titles = ("test set", "clips", "WER before tuning", "WER", "difference", "verdict",
              "CER before tuning", "CER")  # fmt: skip
    return table(titles, rows)


def slices_table(slices: Sequence[Mapping[str, Any]]) -> Markdown:
    """WER and CER of each slice of the test set."""
    rows = (
        (f"{row['kind']} {row['value']}", row["num_utterances"],
         _with_interval(row["wer"], row["wer_interval"]), rate(row["cer"]))
        for row in slices
    )  # fmt: skip
    return table(("slice", "clips", "WER", "CER"), rows)


def checks_table(checks: Mapping[str, Mapping[str, str]], required: Sequence[str]) -> Markdown:
    """All checks, those that fail first."""
    ranked = sorted(checks.items(), key=lambda item: (_RANK[item[1]["status"]], item[0]))
    rows = (
        (name, Markdown("**failed**") if check["status"] == "fail" else check["status"],
         check["what"], "yes" if name in required else "no")
        for name, check in ranked
    )  # fmt: skip
    return table(("check", "result", "requirement and figure", "required"), rows)


def guards_table(guards: Mapping[str, Any]) -> Markdown:
    """What tuning may break, before and after it."""
    base, tuned = (guards[one] for one in MODELS)
    rows = [
        ("characters a minute for sounds without speech",
         *(rate(one["hallucination"]["chars_per_minute"], 1) for one in (base, tuned))),
        ("share of test hypotheses that loop",
         *(percent(one["loops"]["share"], 1) for one in (base, tuned))),
        ("share of test hypotheses that repeat a transcript of train",
         *(percent(one["memorised"]["share"], 1) for one in (base, tuned))),
    ]  # fmt: skip
    for name in tuned["forgetting"]:
        of = [one["forgetting"][name] for one in (base, tuned)]
        rows.append((f"WER of {spaced(name)}", *(rate(one["wer"]) for one in of)))
        accuracy = (percent(one["language_accuracy"]) for one in of)
        rows.append((f"clips of {spaced(name)} whose language is recognised", *accuracy))
    for key in ("valid", "inside"):
        shares = (percent(one["timestamps"][key]) if one["timestamps"] else NONE
                  for one in (base, tuned))  # fmt: skip
        rows.append((f"timestamps {key}", *shares))
    return table(("guard", "before tuning", "after"), rows)


def corpora_table(corpora: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """What the model saw: train, dev, which chooses the weights, and replay."""
    rows = (
        (name, ", ".join(one["languages"]), one["num_utterances"], f"{one['hours']:.2f}",
         one["num_speakers"] or "not named", ", ".join(one["licenses"]), ", ".join(one["sources"]))
        for name, one in corpora.items()
    )  # fmt: skip
    titles = ("corpus", "language", "utterances", "hours", "speakers", "license", "source")
    return table(titles, rows)


def files_table(formats: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """The exports: where they are, the tool that reads them, and their size."""
    rows = (
        (_place(name), one["runtime"], f"{one['bytes'] / 1e6:.1f}") for name, one in formats.items()
    )
    return table(("export", "for", "MB"), rows)


def _place(name: str) -> str:
    """``own`` and the export for transformers are at the top."""
    return Markdown("this folder") if name in ("transformers", "own") else f"{name}/"


def _with_interval(value: float | None, ends: dict[str, float | None] | None) -> str:
    return f"{rate(value, 3)} {interval(ends)}".rstrip()
