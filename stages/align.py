"""Find the times of the test set's words; write them as a table and as files for players."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from asr.alignment.clips import TextedClip, align_clips
from asr.alignment.joined import joined_clips, offsets
from asr.alignment.params import AlignParams
from asr.alignment.words import coverage
from asr.core.cli import run
from asr.core.files import write_json
from asr.core.params import load_params
from asr.core.pull import pull_missing
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest


def align(
    model: Path, prepared: Path, manifest: Path, hypotheses: Path, out: Path, metrics: Path
) -> None:
    """Write word times of a test set.

    Args:
        model: folder of the tuned model.
        prepared: ``data/prepared``, with one folder a corpus.
        manifest: of the test set.
        hypotheses: JSONL of the tuned model, whose words are aligned with ``align.text:
            hypothesis``.
        out: ``words.jsonl`` with all words of each clip, and ``outputs/<id>/`` with the files that
            ``align.formats`` names.
        metrics: JSON with coverage, confidence, and how far off the times are.
    """
    params = load_params("align", AlignParams)
    utterances = read_manifest(manifest)
    pull_missing(prepared / corpus for corpus in {one.corpus for one in utterances})
    role = family_module(load_params("model", ModelParams).family, "alignment")
    aligner = role.open_aligner(model, load_params("machine", MachineParams), params)
    heard = read_hypotheses(hypotheses)
    clips = Waveforms(prepared, utterances)
    texted = (
        TextedClip(
            one.id,
            one.text if params.text == "reference" else heard[one.id].text,
            one.language,
            clips[index],
        )
        for index, one in enumerate(tqdm(utterances, unit="clip", desc="align"))
    )
    aligned = align_clips(aligner, texted, out, params)
    all_words = [one.words for one in aligned]
    joined = joined_clips(utterances, clips, params.num_joined, params)
    off = offsets(aligner, joined, params)
    sure = [w.confidence for words in all_words for w in words if w.confidence is not None]
    write_json(
        metrics,
        {
            "num_utterances": len(utterances),
            "num_words": sum(map(len, all_words)),
            "coverage": round(coverage(all_words), 4),
            "mean_confidence": round(float(np.mean(sure)), 4) if sure else None,
            "joined": {
                "num_recordings": len(joined),
                "mean_offset_s": round(float(np.mean(off)), 4) if off else None,
                "within_0.1_s": round(float(np.mean(np.array(off) <= 0.1)), 4) if off else None,
            },
        },
    )


if __name__ == "__main__":
    run(align)
