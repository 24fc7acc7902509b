"""WER against corrected minutes, with clips chosen by ``commands.rank`` or at random.

    python -m benchmarks.ranking --folder /tmp/ranking

The clips of the train manifest play the part of recordings without transcripts. For each of
``SEEDS`` five minutes of them are corrected first, at random, and the base model is tuned on these.
This model then ranks the rest, five minutes from the top are corrected too, and the base model is
tuned anew on ten; with ``--rounds 3`` so again for fifteen. A random choice grows beside it from
the same five. All trainings have the same number of steps, so they take the same computing time.
WER is over dev and test, which no training reads: no checkpoint is chosen by it.

It needs data/prepared, data/manifests and models/base of `make repro`. A training takes three
minutes of one core; two rounds have nine. What is trained or transcribed is not done again, so the
same command goes on after a break. After each round but the first it writes
``benchmarks/results/ranking.json`` and ``ranking.svg``.

It also counts the errors in each order's first minutes: the words that a corrector would change.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.hashing import hash64
from asr.core.params import load_params, read_yaml
from asr.ranking.orders import NEED_OTHER, ORDERS, Candidate, ranked, within
from asr.scoring.bootstrap import blocks_of, intervals_of
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.scoring.score import Scored, score_utterances
from asr.splits.params import SplitParams
from asr.text.error_rate import pooled
from asr.utterances.hypothesis import Hypothesis, read_hypotheses
from asr.utterances.utterance import Utterance, read_manifest, write_manifest
from benchmarks.forgetting import run_stage
from benchmarks.measure import RESULTS, write_result
from benchmarks.ranking_plot import RANDOM, RANKED, plot

SEEDS = (1, 2, 3)
ROUND_S = 300.0  # of audio that is corrected in a round
ROUNDS = 2
STEPS = 50
OVERRIDES: dict[str, dict[str, Any]] = {
    # A twentieth of the usual steps: warm-up and average are shorter in proportion.
    "train": {"max_steps": STEPS, "warmup_steps": 5, "average_decay": 0.9, "num_dev_utterances": 1},
    "machine": {"device": "cpu", "num_threads": 1},
    "decode": {"precision": "int8", "num_beams": 1},
}


def write_folder(folder: Path, seed: int, labelled: Sequence[Utterance], rest: Sequence[Utterance],
                 scored: Sequence[Utterance]) -> None:  # fmt: skip
    """A folder to run stages in: our code and data, params and manifests of its own.

    Args:
        folder: created, if it is not there.
        seed: of training.
        labelled: to tune on.
        rest: the clips without transcripts.
        scored: dev and test.
    """
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    for name in ("asr", "stages", "conf", "models/base"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path(name).resolve())
    params = read_yaml(Path("params.yaml")) | {"seed": seed}
    for section, values in OVERRIDES.items():
        params[section] |= values
    # Clips of 30 s, so that other tools can use the model, would take a third of the time.
    params["whisper"]["train"]["long_context"]["share"] = 0.0
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")  # JSON is YAML
    train = folder / "train.jsonl"
    if train.exists() and read_manifest(train) != labelled:
        raise InputError(f"{train}: expected the clips of this run, got others; take a new folder")
    write_manifest(train, labelled)
    write_manifest(folder / "replay.jsonl", [])
    write_manifest(folder / "dev.jsonl", scored[:1])
    write_manifest(folder / "rest.jsonl", rest)
    write_manifest(folder / "scored.jsonl", scored)


def tune(folder: Path, prepared: Path) -> None:
    """Tune the base model on the folder's train.jsonl, unless that is done."""
    if not (folder / "models/tuned").exists():
        run_stage(
            folder, "train", base="models/base", prepared=prepared, noise="conf/noise",
            train_manifest="train.jsonl", dev_manifest="dev.jsonl",
            replay_manifest="replay.jsonl", out="models/tuned", curves="curves",
            metrics="train.json",
        )  # fmt: skip


def transcribed(folder: Path, model: str, prepared: Path, clips: str) -> dict[str, Hypothesis]:
    """A model's hypotheses for the folder's rest.jsonl or scored.jsonl."""
    name = f"{model}-{clips}"
    if not (out := folder / f"{name}.jsonl").exists():
        run_stage(
            folder, "transcribe", model=f"models/{model}", prepared=prepared, lm="models/lm",
            train="train.jsonl", dev="dev.jsonl", manifest=f"{clips}.jsonl", out=out.name,
            timing=f"{name}.timing.json", changes=f"{name}.lm.json",
        )  # fmt: skip
    return read_hypotheses(out)


def candidates(
    utterances: Iterable[Utterance],
    tuned: Mapping[str, Hypothesis],
    base: Mapping[str, Hypothesis],
) -> list[Candidate]:
    """The clips as ``commands.rank`` sees them: without transcripts, perhaps without ``base``."""
    return [
        Candidate(
            one.id, one.language, one.speaker_id, one.duration_s, found.text, found.num_tokens,
            found.mean_log_prob, found.runaway, base[one.id].text if base else None,
        )
        for one in utterances
        for found in (tuned[one.id],)
    ]  # fmt: skip


def at_random(utterances: Iterable[Utterance], seed: int) -> list[Utterance]:
    """The utterances in an order that only the seed decides."""
    return sorted(utterances, key=lambda one: hash64(f"{seed} {one.id}"))


def beginning(utterances: Sequence[Utterance]) -> list[Utterance]:
    """The first of them, of a round's length."""
    pool = [Candidate(one.id, "", None, one.duration_s, "") for one in utterances]
    return [utterances[index] for index in within(pool, range(len(pool)), ROUND_S)]


class Simulation:
    """The models of all seeds, in folders, and what they find.

    Attributes:
        scored: dev and test.
    """

    def __init__(self, folder: Path) -> None:
        manifests = Path("data/manifests")
        self._folder, self._prepared = folder.resolve(), Path("data/prepared").resolve()
        self._pool = read_manifest(manifests / "train.jsonl")
        self.scored = [one for name in ("dev", "test")
                       for one in read_manifest(manifests / f"{name}.jsonl")]  # fmt: skip
        self._score, self._split = (
            load_params("score", ScoreParams),
            load_params("split", SplitParams),
        )
        self._normalizers = Normalizers(self._score.normalizers)

    @cached_property
    def _base(self) -> dict[str, Hypothesis]:
        """Hypotheses of the base model for the pool."""
        folder = self._folder / "base"
        write_folder(folder, 1, self._pool, self._pool, self.scored)
        return transcribed(folder, "base", self._prepared, "rest")

    def labelled(self, way: str, seed: int, number: int) -> list[Utterance]:
        """The utterances that are corrected in the first rounds, counted from 1."""
        if number == 1:
            return beginning(at_random(self._pool, seed))
        before = self.labelled(way, seed, number - 1)
        rest = self._rest(before)
        if way == RANDOM:
            return [*before, *beginning(at_random(rest, seed))]
        tuned = self.found(way, seed, number - 1, "rest")
        return [*before, *beginning(self.ordered(rest, tuned, way))]

    def found(self, way: str, seed: int, number: int, clips: str) -> dict[str, Hypothesis]:
        """Hypotheses of the model that is tuned on these, for the ``rest`` or the ``scored``."""
        name = f"{way}-{number}" if number > 1 else "first"
        folder = self._folder / f"seed-{seed}" / name
        labelled = self.labelled(way, seed, number)
        write_folder(folder, seed, labelled, self._rest(labelled), self.scored)
        tune(folder, self._prepared)
        return transcribed(folder, "tuned", self._prepared, clips)

    def ordered(
        self, rest: Sequence[Utterance], tuned: Mapping[str, Hypothesis], way: str
    ) -> list[Utterance]:
        """The rest in an order of ``commands.rank``."""
        pool = candidates(rest, tuned, self._base if way in NEED_OTHER else {})
        values = ORDERS[way](pool, self._normalizers)
        return [rest[index] for index in ranked(pool, values, self._split.near_duplicate)]

    def _rest(self, labelled: Sequence[Utterance]) -> list[Utterance]:
        ids = {one.id for one in labelled}
        return [one for one in self._pool if one.id not in ids]

    def scores(self, way: str, seed: int, number: int) -> list[Scored]:
        """Dev and test, scored."""
        return self.score(self.scored, self.found(way, seed, number, "scored"))

    def score(
        self, utterances: Sequence[Utterance], hypotheses: Mapping[str, Hypothesis]
    ) -> list[Scored]:
        """Score some utterances."""
        return score_utterances(
            utterances, hypotheses, self._folder, self._normalizers, self._score.script
        )

    def errors_found(self, seed: int) -> dict[str, int]:
        """Word errors of the first model in the second round's clips, by order."""
        tuned = self.found(RANKED, seed, 1, "rest")
        rest = self._rest(self.labelled(RANKED, seed, 1))
        orders = {name: self.ordered(rest, tuned, name) for name in ORDERS}
        orders[RANDOM] = at_random(rest, seed)
        counts = {}
        for name, order in orders.items():
            chosen = beginning(order)
            scored = self.score(chosen, {one.id: tuned[one.id] for one in chosen})
            counts[name] = pooled(one.words for one in scored).num_errors
        return counts

    def difference(self, ways: Mapping[str, Sequence[Sequence[Scored]]]) -> dict[str, float | None]:
        """WER of the ranked choice minus that of the random one, over all seeds.

        The models of all seeds read the same clips, so a clip is the block that is drawn.
        """
        random, by_rank = (
            [pooled(one.words for one in clip) for clip in zip(*ways[way], strict=True)]
            for way in (RANDOM, RANKED)
        )
        blocks, _ = blocks_of(self.scored, len(self.scored) + 1)
        found = intervals_of(random, by_rank, blocks, self._score, seed=1).difference
        mean = (pooled(by_rank).rate or 0.0) - (pooled(random).rate or 0.0)
        return {
            "mean": round(mean, 4),
            "low": round(found.low, 4) if found else None,
            "high": round(found.high, 4) if found else None,
        }


def simulate(simulation: Simulation, num_rounds: int) -> dict[str, Any]:
    """Run the rounds, all seeds of one before the next; returns the content of the result."""
    rounds = []
    for number in range(1, num_rounds + 1):
        ways = {
            way: [simulation.scores(way, seed, number) for seed in SEEDS]
            for way in ((RANKED, RANDOM) if number > 1 else (RANDOM,))
        }
        row: dict[str, Any] = {"minutes": number * ROUND_S / 60}
        for way, by_seed in ways.items():
            rates = [pooled(one.words for one in scored).rate or 0.0 for scored in by_seed]
            row[way] = {
                "clips": [len(simulation.labelled(way, seed, number)) for seed in SEEDS],
                "wer": [round(rate, 4) for rate in rates],
                "wer_by_language": _by_language([one for scored in by_seed for one in scored]),
            }
        row["difference"] = simulation.difference(ways) if number > 1 else None
        rounds.append(row)
    errors = [simulation.errors_found(seed) for seed in SEEDS]
    return {
        "steps": STEPS,
        "seeds": list(SEEDS),
        "scored_clips": len(simulation.scored),
        "errors_found": {name: [one[name] for one in errors] for name in errors[0]},
        "rounds": rounds,
    }


def _by_language(scored: Sequence[Scored]) -> dict[str, float]:
    languages = sorted({one.utterance.language for one in scored})
    return {
        language: round(
            pooled(s.words for s in scored if s.utterance.language == language).rate or 0.0, 4
        )
        for language in languages
    }


def main() -> None:
    """Tune, transcribe, score; write the result after each round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="for models; kept")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    options = parser.parse_args()
    simulation = Simulation(options.folder)
    for num_rounds in range(2, options.rounds + 1):  # what earlier rounds did is not done again
        result = simulate(simulation, num_rounds)
        write_result("ranking", result, keep=True)
        (RESULTS / "ranking.svg").write_text(plot(result), encoding="utf-8")


if __name__ == "__main__":
    main()
