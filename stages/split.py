"""Assign utterances to train, dev and test so that nothing leaks between them."""

from collections import Counter
from pathlib import Path
from typing import Any

from asr.audit.table import kept_utterances, num_not_drawn, read_suspects
from asr.core.cli import run
from asr.core.files import sha256_of, write_json
from asr.core.params import PARAMS, load_block, load_corpora, load_params, load_replay_corpora
from asr.core.pull import pull_missing
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.preparation.rejects import count_rejects
from asr.splits.aside import write_aside
from asr.splits.balance import balance
from asr.splits.corpora import check_corpora
from asr.splits.params import SplitParams
from asr.splits.replay import NAME, replay_counts, replay_utterances
from asr.splits.split import set_too_long_aside, split_utterances
from asr.training.replay import ReplayParams, clips_per_epoch
from asr.utterances.jsonl import write_jsonl
from asr.utterances.shards import read_utterances
from asr.utterances.utterance import Utterance, write_manifest


def split(
    prepared: Path, rejects: Path, audit: Path, model: Path, manifests: Path, metrics: Path
) -> None:
    """Assign utterances to train, dev and test so that nothing leaks between them.

    Args:
        prepared: folder with one folder of shards a corpus.
        rejects: folder with one CSV a corpus, from the stage ``prepare``.
        audit: folder with one CSV a corpus, from the stage ``audit``.
        model: folder of the base model; its tokenizer limits the length of transcripts.
        manifests: folder for train.jsonl, dev.jsonl and test.jsonl; for replay.jsonl, with
            utterances of replay corpora, often none; for aside.csv, with utterances that would
            leak or are too long to train on; and for suspects.jsonl, with utterances that the
            audit flagged, for the report.
        metrics: JSON with the size of each corpus and split.
    """
    corpora = load_corpora()
    pull_missing(
        place
        for name in corpora
        for place in (prepared / name, rejects / f"{name}.csv", audit / f"{name}.csv")
    )
    check_corpora(corpora, prepared, rejects, audit, metrics.parent / "audit")
    by_corpus, dropped, unheard, suspects = {}, {}, {}, []
    for name in corpora:
        path, prepared_ones = audit / f"{name}.csv", read_utterances(prepared / name)
        by_corpus[name], dropped[name] = kept_utterances(path, prepared_ones)
        unheard[name] = num_not_drawn(path)
        suspects += read_suspects(path, prepared_ones)
    replayed = load_replay_corpora()
    utterances = [one for name in corpora if name not in replayed for one in by_corpus[name]]
    to_replay = [one for name in corpora if name in replayed for one in by_corpus[name]]
    params = load_params("split", SplitParams)
    tokens = family_module(load_params("model", ModelParams).family, "tokens").open_tokens(model)
    result = set_too_long_aside(split_utterances(utterances, params), tokens)
    replay, replay_aside = replay_utterances(to_replay, result, params, tokens)
    for name, members in {**result.splits, NAME: replay}.items():
        write_manifest(manifests / f"{name}.jsonl", members)
    write_aside(manifests / "aside.csv", [*result.aside, *replay_aside])
    write_jsonl(manifests / "suspects.jsonl", suspects)
    counts = {name: count_rejects(rejects / f"{name}.csv") for name in corpora}
    described = {
        "corpora": {
            name: _corpus(by_corpus[name], counts[name], dropped[name]) for name in corpora
        },
        **({"num_not_drawn_by_audit": unheard} if any(unheard.values()) else {}),
        **balance(result, params),
        "test_sha256": sha256_of(manifests / "test.jsonl"),
    }
    if replayed:
        share = load_block(PARAMS, ("train", NAME), ReplayParams).share
        drawn = clips_per_epoch(len(result.splits["train"]), share)
        described[NAME] = replay_counts(replay, replay_aside, drawn)
    write_json(metrics, described)


def _corpus(
    utterances: list[Utterance], num_rejected: dict[str, int], num_dropped: dict[str, int]
) -> dict[str, Any]:
    repairs = Counter(name for u in utterances for name in u.attributes.get("repairs", "").split())
    return {
        "num_utterances": len(utterances),
        "hours": round(sum(utterance.duration_s for utterance in utterances) / 3600, 4),
        "num_with_digits": sum(u.attributes.get("spelling") == "digits" for u in utterances),
        "num_repaired": dict(sorted(repairs.items())),
        "num_rejected": num_rejected,
        "num_dropped_by_audit": num_dropped,
    }


if __name__ == "__main__":
    run(split)
