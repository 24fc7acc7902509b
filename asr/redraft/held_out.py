"""Clips of test sets, which get no draft: a person who accepts it would write the model's own text.

The frozen test set would then measure how well a model agrees with itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.core.errors import InputError
from asr.corpora.recording import Recording
from asr.preparation.params import PrepareParams
from asr.preparation.screening import Passed, screen
from asr.utterances.utterance import read_manifest

MANIFESTS = (Path("data/manifests"), Path("data/test_sets/manifests"))


class HeldOutError(InputError):
    """The clip is of a test set."""


@dataclass(frozen=True)
class HeldOut:
    """What test sets hold.

    Attributes:
        ids: of their clips in the corpus of the block.
        hashes: of the prepared audio of all their clips.
        params: section ``prepare``, by which audio is prepared.
    """

    ids: frozenset[str]
    hashes: frozenset[str]
    params: PrepareParams

    def check(self, clip_id: str, audio: bytes) -> None:
        """Refuse a clip of a test set, known by its id or by its prepared audio.

        Raises:
            HeldOutError: if it is one.
        """
        if clip_id in self.ids:
            raise HeldOutError("a clip of a test set, by its id")
        if self.hashes and self._hash(audio) in self.hashes:
            raise HeldOutError("a clip of a test set, by its audio")

    def _hash(self, audio: bytes) -> str | None:
        # The text plays no part in the samples, but screening refuses clips without a letter.
        recording = Recording("clip", "a", audio, "clip")
        for outcome in screen(recording, self.params):
            if isinstance(outcome, Passed):
                return outcome.sha256
        return None


def read_held_out(
    corpus: str | None, params: PrepareParams, folders: Iterable[Path] = MANIFESTS
) -> HeldOut:
    """Read the manifests of the test sets that this repository has."""
    own, *others = folders
    manifests = [
        own / "test.jsonl",
        *(p for other in others for p in sorted(other.glob("*.jsonl"))),
    ]
    found = [one for path in manifests if path.is_file() for one in read_manifest(path)]
    ids = {one.id.partition("/")[2] for one in found if one.corpus == corpus}
    return HeldOut(frozenset(ids), frozenset(one.sha256 for one in found), params)
