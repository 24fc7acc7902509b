"""Build a language model from text: of each language of the training set, for decoding."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import atomic_folder, write_json
from asr.core.params import load_params
from asr.language_model.build import build
from asr.language_model.leaks import LeakCheck
from asr.language_model.params import LmParams
from asr.language_model.texts import texts_of
from asr.language_model.words import DESCRIPTION, FORM
from asr.sources.params import FetchParams
from asr.splits.params import SplitParams
from asr.utterances.utterance import read_manifest


def lm(manifests: Path, out: Path) -> None:
    """Build a language model of each language of the training set.

    Without one in decoding (``lm.weight: none``) nothing is read, and ``lm.json`` has no
    language.

    Args:
        manifests: folder of ``train.jsonl``, whose transcripts it counts, and of ``dev.jsonl`` and
            ``test.jsonl``, whose sentences no text may have.
        out: folder with a folder a language, and ``lm.json``.
    """
    params = load_params("lm", LmParams)
    limits, near = load_params("fetch", FetchParams), load_params("split", SplitParams)
    splits = ("train", "dev", "test") if params.weight == "dev" else ()
    train, *held_out = [read_manifest(manifests / f"{name}.jsonl") for name in splits] or [[]]
    languages = {}
    with atomic_folder(out) as folder:
        for language in sorted({one.language for one in train}):
            apart = [one for part in held_out for one in part if one.language == language]
            languages[language] = build(
                language,
                [one.text for one in train if one.language == language],
                texts_of(language, params, limits),
                LeakCheck(apart, near.near_duplicate),
                params,
                folder / language,
            )
        write_json(folder / DESCRIPTION, {"form": FORM, "languages": languages})


if __name__ == "__main__":
    run(lm)
