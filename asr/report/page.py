"""Render the report as one HTML file without network requests; equal runs give equal bytes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asr.audit.table import Suspect
from asr.report import (
    chart,
    data_tables,
    formatting,
    guards,
    heat_map,
    language_model,
    score_tables,
    slices,
)
from asr.report.chart import Panel
from asr.report.confusions import char_confusions, word_confusions
from asr.report.metrics import MODELS, Metrics, score_rows, slice_rows
from asr.report.players import audio_uris
from asr.report.spectrogram import spectrogram_uri
from asr.report.sweeps import Sweep
from asr.report.verdict import headline, tiles, verdict_sentences
from asr.report.worst import Example
from asr.scoring.score import Scored
from asr.utterances.waveform import Waveform

TEMPLATES = Path(__file__).with_name("templates")
NUM_CONFUSIONS = 12  # of each kind
FEW = 5  # bars of smaller counts say nothing
MOST_WORDS = 40  # of a hypothesis; the rest is collapsed, since a loop may have hundreds


@dataclass(frozen=True)
class Results:
    """The content of the page."""

    metrics: Metrics
    base: Sequence[Scored]
    tuned: Sequence[Scored]
    examples: Sequence[Example]
    right: Sequence[Example]
    suspects: Sequence[Suspect]
    shown_suspects: Sequence[tuple[Suspect, Waveform]]
    panels: Sequence[Panel]
    sweeps: Sequence[Sweep]


def render(results: Results) -> str:
    """The page as HTML."""
    examples = [*results.examples, *results.right]
    clips = [one.waveform for one in examples]
    doubted = [waveform for _, waveform in results.shown_suspects]
    players = audio_uris([*clips, *doubted])
    of_examples, of_suspects = players[: len(clips)], players[len(clips) :]
    shown = list(zip(examples, of_examples, map(spectrogram_uri, clips), strict=True))
    num_worst = len(results.examples)
    suspects = [one for one, _ in results.shown_suspects]
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            metrics=results.metrics,
            headline=headline(results.metrics),
            sentences=verdict_sentences(results.metrics),
            tiles=tiles(results.metrics),
            panels=results.panels,
            sweeps=results.sweeps,
            examples=shown[:num_worst],
            right=shown[num_worst:],
            suspects=list(zip(suspects, of_suspects, strict=True)),
            corpora=sorted({example.utterance.corpus for example in results.examples}),
            most_words=MOST_WORDS,
            chart=chart,
            styles=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
            script=script,
            script_hash=base64.b64encode(sha256(script.encode()).digest()).decode("ascii"),
            **_scores(results.metrics),
            **_data(results),
            **_errors(results),
        )
    )


def _scores(metrics: Metrics) -> dict[str, Any]:
    """The tables and charts of scores and guards."""
    rows, parts = score_rows(metrics), slice_rows(metrics)
    found = metrics.guards
    return {
        "score_charts": score_tables.score_charts(rows),
        "scores": score_tables.score_table(rows),
        "champion": score_tables.champion_table(rows),
        "kinds": score_tables.kinds_table(rows),
        "views": score_tables.views_table(metrics),
        "speed": score_tables.speed_table(metrics),
        "gates": score_tables.gates_table(metrics),
        "slice_charts": slices.slice_charts(parts),
        "slices": slices.slice_table(metrics, parts),
        "language_model": language_model.changes(metrics),
        "guards": found and {
            "charts": guards.guard_charts(found),
            "tables": [
                guards.guards_table(found),
                guards.phrases_table(found),
                guards.examples_table(found),
            ],
        },
    }  # fmt: skip


def _data(results: Results) -> dict[str, Any]:
    """The tables of corpora, splits and the audit."""
    data = results.metrics.data
    return {
        "data_tables": [
            data_tables.corpora_table(data),
            data_tables.splits_table(data),
            data_tables.rejects_table(data),
            data_tables.audit_table(data, results.suspects),
        ],
        "aside": data_tables.aside_sentence(data),
    }


def _errors(results: Results) -> dict[str, Any]:
    """Confusions, and where errors fall."""
    scored = {"base": results.base, "tuned": results.tuned}
    return {
        "word_confusions": word_confusions(**scored, most=NUM_CONFUSIONS),
        "char_confusions": char_confusions(**scored, most=NUM_CONFUSIONS),
        "heat_maps": {model: heat_map.heat_map(scored[model]) for model in MODELS},
        "num_parts": heat_map.NUM_PARTS,
        "few": FEW,
    }


def _environment() -> Environment:
    # Transcripts are untrusted, so escape them. select_autoescape would not do so for .j2.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("rate", "signed", "percent", "interval", "count", "plural", "spaced"):
        environment.filters[name] = getattr(formatting, name)
    environment.filters["direction"] = formatting.direction
    environment.filters["char"] = formatting.visible_char
    return environment


def _finalize(value: Any) -> Any:
    """Applied to each expression of the templates: no control character of a text gets through."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")  # markup of a macro
    return formatting.visible(value) if is_text else value
