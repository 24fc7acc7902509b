"""Section ``guards`` in ``params.yaml``; the thresholds are in ``gates``."""

from pydantic import Field, field_validator

from asr.core.schema import Schema
from asr.corpora.params import Name, TestSet
from asr.guards.kinds import MADE


class GuardsParams(Schema):
    """Section ``guards``.

    Attributes:
        seed: of sounds and joined clips; apart from training's, so that seeds compare.
        others: corpora of other languages, by name; ``on_leak`` does not matter here.
        num_sound_clips: of each kind of sound.
        max_sound_s: longest clip of a sound, in seconds.
        num_joined: long recordings of each language.
        joined_s: their length, in seconds.
        num_timestamp_clips: of all languages together.
        min_repeats: a stretch of text that comes so often in a row may be a loop ...
        min_loop_chars: ... and is one if the repetitions have so many characters.
        min_memorised_words: shorter sentences come twice by chance.
    """

    seed: int = Field(ge=0, lt=2**31)
    others: dict[Name, TestSet]
    num_sound_clips: int = Field(ge=0, le=1000)
    max_sound_s: float = Field(ge=1, le=30)
    num_joined: int = Field(ge=0, le=100)
    joined_s: float = Field(ge=1, le=900)
    num_timestamp_clips: int = Field(ge=0, le=10_000)
    min_repeats: int = Field(ge=2, le=20)
    min_loop_chars: int = Field(ge=2, le=100)
    min_memorised_words: int = Field(ge=1, le=20)

    @field_validator("others")
    @classmethod
    def _names_are_free(cls, others: dict[str, TestSet]) -> dict[str, TestSet]:
        for name in others:
            if name in MADE:
                raise ValueError(f"{name}: expected another name, {list(MADE)} are the stage's own")
        return others
