"""Training and decoding of the smallest Qwen3-ASR against QwenLM's own way, on the same clips.

``python -m benchmarks.qwen3_asr_official`` takes three minutes and 6 GB. The vocabulary has the
real size, 151,936 tokens; with the 264 of the smallest model both sides take the same time.

QwenLM's way is that of ``finetuning/qwen3_asr_sft.py``: its collator calls the processor twice, on
the prompt and on the whole text, and pads on the left; transformers' model computes logits for all
tokens. Decoding is ``generate``. Both sides have the same weights and batches of unequal clips.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import AutoProcessor, Qwen3ASRForConditionalGeneration

from asr.core.params import load_block, load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from asr.sources.weights import fetch_weights
from asr.training.params import TrainParams
from asr.utterances.language import language_name
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform
from benchmarks.families import MODELS, noise_clips
from benchmarks.in_turn import Work, measure_in_turn
from benchmarks.measure import ratio, timed, write_result

FAMILY, NUM_NEW = "qwen3_asr", 40
VOCABULARY, CLIPS = 151936, 4  # of the real models; clips a batch
Part = tuple[Sequence[Waveform], Sequence[Utterance]]


def ours(base: Path) -> Work:
    """One step of training without its update, then greedy decoding, by our family."""
    torch.set_num_threads(1)
    role = family_module(FAMILY, "training")
    params = load_params("train", TrainParams)
    own = load_family_params(FAMILY, "train", role.OwnParams)
    trainee = role.open_trainee(base, torch.device("cpu"), params, own)
    decoding = family_module(FAMILY, "decoding")
    decode = load_params("decode", DecodeParams).model_copy(update={"num_beams": 1})
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    never = load_family_params(FAMILY, "decode", decoding.OwnParams).model_copy(
        update={"max_repeats": 0}
    )
    engine = decoding.open_engine(base, machine, decode, never)

    def work(part: Part) -> Any:
        waveforms, utterances = part
        context_s = max(trainee.seconds(one.duration_s) for one in utterances)
        with timed() as timing:
            batch = trainee.batch(
                waveforms, utterances, context_s, range(len(utterances)), zeros=False
            )
            (trainee.summed_loss(batch) / batch.num_targets).backward()
            engine.transcribe(waveforms, utterances, context_s, [NUM_NEW] * len(utterances))
        return timing, len(utterances)

    return work


def official(base: Path) -> Work:
    """The same by transformers' processor and model, as QwenLM's script uses them."""
    torch.set_num_threads(1)
    processor: Any = AutoProcessor.from_pretrained(base)  # type: ignore[no-untyped-call]
    network: Any = Qwen3ASRForConditionalGeneration.from_pretrained(base)
    end = processor.tokenizer.eos_token

    def work(part: Part) -> Any:
        waveforms, utterances = part
        prompts = [
            processor.apply_transcription_request(audio=waveform, tokenize=False)[0]
            for waveform in waveforms
        ]
        names = [language_name(one.language) for one in utterances]
        forced = [f"{p}language {n}<asr_text>" for p, n in zip(prompts, names, strict=True)]
        whole = [f + one.text + end for f, one in zip(forced, utterances, strict=True)]
        with timed() as timing:
            inputs = processor(text=whole, audio=list(waveforms))
            masked = processor(text=prompts, audio=list(waveforms))
            labels = inputs["input_ids"].clone()
            for row, length in zip(labels, masked["attention_mask"].sum(1), strict=True):
                row[: int(length)] = -100
            network(**inputs, labels=labels).loss.backward()
            with torch.inference_mode():
                network.generate(
                    **processor(text=forced, audio=list(waveforms)),
                    max_new_tokens=NUM_NEW,
                    do_sample=False,
                )
        return timing, len(utterances)

    return work


def main() -> None:
    """Run both in turn and print how many times less CPU ours takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=6, help=f"batches of {CLIPS} clips")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY, help="tokens")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results")
    options = parser.parse_args()
    role = family_module(FAMILY, "base")
    block = load_block(MODELS, (FAMILY, "tiny"), role.Block)
    config = {**block.weights.config, "vocab_size": options.vocabulary}
    weights = block.weights.model_copy(update={"config": config})
    waveforms, utterances = noise_clips(CLIPS * options.parts, padded=False)
    parts = [
        (waveforms[start : start + CLIPS], utterances[start : start + CLIPS])
        for start in range(0, len(waveforms), CLIPS)
    ]
    with TemporaryDirectory() as scratch:
        base = Path(scratch, "base")
        base.mkdir()
        role.bring_base(block, {"weights": fetch_weights(weights, Path(scratch))}, base)
        tools = {"ours": partial(ours, base), "official": partial(official, base)}
        found = measure_in_turn(tools, parts, {})
    result = {
        "vocabulary": options.vocabulary,
        "ratio": ratio(found["ours"].timings, found["official"].timings),
        **{f"clips_per_cpu_s_{name}": round(1 / one.median_a_clip().cpu_s, 2)
           for name, one in found.items()},
        **{f"peak_mb_{name}": one.peak_mb for name, one in found.items()},
    }  # fmt: skip
    write_result("qwen3_asr_official", result, keep=options.keep)


if __name__ == "__main__":
    main()
