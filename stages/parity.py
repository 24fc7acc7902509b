"""Check that each export transcribes in its own runtime as the tuned model does here."""

import time
from pathlib import Path

from asr.core.cli import run
from asr.core.files import read_json, write_json
from asr.core.params import load_params, load_seed
from asr.core.pull import pull_missing
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.export.formats import installed
from asr.export.params import ExportParams
from asr.export.parity import Comparison, drawn, sentence
from asr.export.transcripts import our_texts, their_texts
from asr.export.write import INDEX
from asr.families.protocols import family_module
from asr.scoring.normalizers import normalizers_of
from asr.scoring.params import ScoreParams
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest


def parity(export: Path, model: Path, prepared: Path, manifest: Path, out: Path) -> None:
    """Compare the transcripts of each export with ours, at the context that other tools compute.

    Args:
        export: what the stage ``export`` wrote.
        model: folder of the tuned model.
        prepared: ``data/prepared``, with one folder a corpus.
        manifest: of dev.
        out: JSON with the share of identical texts, both WER and their difference, by format.
    """
    index = read_json(export / INDEX)
    params = load_params("export", ExportParams).parity
    formats = family_module(index["family"], "export").formats()
    # A format that nothing reads has nothing to compare.
    opening = {name: opens for name in index["formats"] if (opens := formats[name].open)}
    runtimes = {name: installed(formats[name].runtime) for name in opening}
    utterances = drawn(read_manifest(manifest), params.max_utterances)
    pull_missing(prepared / corpus for corpus in {one.corpus for one in utterances})
    clips = Waveforms(prepared, utterances)
    machine = load_params("machine", MachineParams)
    score, decode = load_params("score", ScoreParams), load_params("decode", DecodeParams)
    ours = our_texts(index["family"], model, clips, utterances, machine, decode)
    normalizers = normalizers_of("test", score)
    comparison = Comparison(utterances, ours, normalizers, score, load_seed())
    rows = {}
    for name, opens in opening.items():
        started, one = time.perf_counter(), formats[name]
        read = opens(model, export / name, machine.num_threads)
        texts = their_texts(read, clips, utterances, decode)
        row = comparison.row(texts, one.faults(model, export / name), one.quantized, params)
        rows[name] = {"runtime": runtimes[name], **row}
        print(f"{name}: {sentence(row)} ({time.perf_counter() - started:.1f} s)", flush=True)
    write_json(
        out,
        {
            "num_utterances": len(utterances),
            "formats": rows,
            "passed": all(row["passed"] for row in rows.values()),
        },
    )


if __name__ == "__main__":
    run(parity)
