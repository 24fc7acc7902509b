"""Read the hypotheses of the last released model, if one is named."""

from pathlib import Path

from asr.champion.champion import find_champion, store_champion
from asr.champion.revision import Files, is_scored
from asr.core.cli import run
from asr.core.files import atomic_folder
from asr.core.params import load_params
from asr.corpora.test_sets import TEST
from asr.scoring.params import ScoreParams
from asr.utterances.utterance import read_manifest


def champion(
    test_set: str, manifest: Path, hypotheses: Path, scores: Path, folder: Path, out: Path
) -> None:
    """Read the hypotheses of the last released model, if one is named.

    They come from DVC's cache or remote: nothing is transcribed again. A tag or branch may move;
    what it named when this ran stays, until the params, this folder or the test set change.

    Args:
        test_set: ``test``, the split, or a key in ``test_sets`` of ``params.yaml``. The champion's
            revision may lack such a one; then there is none to compare with.
        manifest: of the test set. At the champion's revision this file must have the same.
        hypotheses: of the tuned model; those of the champion are in this file of its revision.
        scores: the like, for the normalizers that scored them.
        folder: of a champion that is no Git revision, often without one; that of a further test set
            is in a folder of its name in it.
        out: folder with ``hypotheses.jsonl`` and ``champion.json``; without a champion, the latter
            names none.
    """
    params = load_params("score", ScoreParams)
    files = Files(str(manifest), str(hypotheses), str(scores))
    revision = params.champion
    if test_set != TEST and revision and not is_scored(revision, files):
        print(f"champion: {revision} has no scores of test set {test_set}")
        revision = ""
    found = find_champion(revision, files, folder if test_set == TEST else folder / test_set)
    with atomic_folder(out) as partial:
        store_champion(partial, found, read_manifest(manifest), str(manifest))


if __name__ == "__main__":
    run(champion)
