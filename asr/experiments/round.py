"""A round: the params of ``conf/round.yaml``, what is done of it, and if its model is better."""

from typing import Any

from pydantic import Field

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.locks import dvc_tmp
from asr.core.schema import Schema

STATE = "round.json"  # in DVC's temporary folder: what a killed round goes on from


class RoundParams(Schema):
    """``conf/round.yaml``.

    Attributes:
        source: block of ``conf/sources.yaml`` with a watermark.
        newest: query whose only value is the next watermark.
        min_new: by how much the watermark must rise.
        metrics: of the stage ``compare``.
        gates: of ``metrics/scorecard.json`` that must not fail.
        model: folder of the tuned model.
        publish: options of ``commands.publish``; none: it is not called.
        redraft: block of ``conf/redraft.yaml``; None for none.
    """

    source: str = Field(min_length=1)
    newest: str = Field(min_length=1)
    min_new: int = Field(ge=1)
    metrics: str = Field(min_length=1)
    gates: list[str]
    model: str = Field(min_length=1)
    publish: list[str]
    redraft: str | None


class RoundState(Schema):
    """The round that began and has not ended.

    Attributes:
        watermark: number of the last correction that it learns from.
        champion: tag that its model has to beat; empty before the first.
        done: steps that are done.
    """

    watermark: int = Field(ge=1)
    champion: str
    done: list[str]

    @property
    def name(self) -> str:
        """Of the experiment and the tag."""
        return f"round-{self.watermark}"


def read_state() -> RoundState | None:
    """The unfinished round; None if there is none."""
    path = dvc_tmp() / STATE
    return RoundState.model_validate(read_json(path)) if path.is_file() else None


def write_state(state: RoundState | None) -> None:
    """Store what is done; None when the round has ended."""
    path = dvc_tmp() / STATE
    if state is None:
        path.unlink(missing_ok=True)
    else:
        write_json(path, state.model_dump())


def objection(compared: dict[str, Any], scorecard: dict[str, Any], gates: list[str]) -> str | None:
    """Why a model does not become the champion; None if it does.

    Args:
        compared: ``metrics/compare.json``.
        scorecard: ``metrics/scorecard.json``.
        gates: that must not fail.

    Raises:
        InputError: if the scorecard has no such gate.
    """
    champion = compared.get("champion")
    rival = str(champion["name"]) if champion else "the base model"
    wer = (champion or compared)["groups"]["overall"]["wer"]
    known = scorecard.get("gates", {})
    for gate in gates:
        if gate not in known:
            raise InputError(f"conf/round.yaml: gates: no gate {gate!r}, there are {sorted(known)}")
        if known[gate]["status"] == "fail":
            return f"gate {gate} failed: {known[gate]['value']} against {known[gate]['threshold']}"
    if wer["verdict"] != "better":
        low, high = wer["difference_interval"]["low"], wer["difference_interval"]["high"]
        return (
            f"WER against {rival} is {wer['verdict']}: {wer['difference']:+.4f}, "
            f"interval {low:+.4f} to {high:+.4f}"
        )
    return None
