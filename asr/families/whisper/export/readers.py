"""Transcribe with the tools that read the exports, greedily and without timestamps.

Each function loads an export and returns a function that transcribes one clip.
"""

from pathlib import Path
from typing import Any

import numpy as np

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.export.formats import Reader
from asr.export.pipeline import open_pipeline
from asr.families.whisper.tokens import prompt_tokens
from asr.families.whisper.tokens.description import Description, read_description
from asr.families.whisper.tokens.languages import CODES, language_token
from asr.families.whisper.window import MAX_DURATION_S
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform

SHORTEST_S = 1.01  # whisper.cpp refuses shorter audio
NUM_PROMPT = 4  # start, language, task, no timestamps; faster-whisper counts so of any model
# Neither tool then drops a text that it takes for silence.
NO_THRESHOLDS: dict[str, Any] = {
    "no_speech_threshold": None, "log_prob_threshold": None, "compression_ratio_threshold": None,
}  # fmt: skip


def pipeline(model: Path, folder: Path, num_threads: int) -> Reader:
    """transformers' pipeline for speech recognition, with the folder's own prompt if it has one."""
    recognise = open_pipeline(folder, num_threads)
    description = read_description(folder)
    names_language = read_json(folder / "generation_config.json").get("language") is not None

    def read(waveform: Waveform, utterance: Utterance, budget: int) -> str:
        options: dict[str, Any] = {"max_new_tokens": budget, "num_beams": 1}
        if description.is_multilingual and not names_language:
            options["language"] = language_token(utterance.language, description.lang_to_id)
        clip = {"raw": waveform, "sampling_rate": SAMPLE_RATE}
        text: str = recognise(clip, generate_kwargs=options)["text"]
        return text

    return read


def faster_whisper(precision: str, model: Path, folder: Path, num_threads: int) -> Reader:
    """faster-whisper's ``transcribe``; a CPU computes a float16 model in float32.

    Beyond a clip it writes zeros into the log-mel, where OpenAI's code, transformers and
    whisper.cpp compute silence. That is no matter of the export, so clips come with silence.
    """
    from faster_whisper import WhisperModel

    whisper = WhisperModel(
        str(folder), device="cpu", cpu_threads=num_threads,
        compute_type="int8" if precision == "int8" else "float32",
    )  # fmt: skip
    description = read_description(model)

    def read(waveform: Waveform, utterance: Utterance, budget: int) -> str:
        segments, _ = whisper.transcribe(
            np.pad(waveform, (0, max(0, round(MAX_DURATION_S * SAMPLE_RATE) - len(waveform)))),
            language=code_of(utterance.language, description),
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            # Half of the sum of prompt and these is what CTranslate2 writes at most.
            max_new_tokens=min(2 * budget, whisper.max_length) - NUM_PROMPT,
            **NO_THRESHOLDS,
        )
        return " ".join(segment.text for segment in segments)

    return read


def whisper_cpp(model: Path, folder: Path, num_threads: int) -> Reader:
    """whisper.cpp through pywhispercpp, without its retries at higher temperatures."""
    from pywhispercpp.model import Model

    file = folder / "ggml-model.bin"
    whisper = Model(
        str(file),
        n_threads=num_threads,
        print_progress=False,
        no_timestamps=True,
        single_segment=True,
        suppress_nst=True,
        temperature_inc=0.0,
        no_speech_thold=1.0,
        redirect_whispercpp_logs_to=None,
        context_params={"flash_attn": False},
    )
    if whisper._ctx is None:  # it would end the process at the first clip
        raise InputError(f"{file}: whisper.cpp can't load it")
    description = read_description(model)

    def read(waveform: Waveform, utterance: Utterance, budget: int) -> str:
        missing = round(SHORTEST_S * SAMPLE_RATE) - len(waveform)
        segments = whisper.transcribe(
            np.pad(waveform, (0, max(0, missing))),
            language=code_of(utterance.language, description),
            max_tokens=budget - 1,  # it stops when there are more
        )
        return " ".join(segment.text for segment in segments)

    return read


def code_of(language: str, description: Description) -> str:
    """The code of the language's token in tools that know Whisper's own languages alone."""
    if not description.is_multilingual:
        return "en"
    token = prompt_tokens(description, language)[1]
    return next(code for code in CODES if description.lang_to_id.get(f"<|{code}|>") == token)


def onnxruntime(model: Path, folder: Path, num_threads: int) -> Reader:
    """ONNX Runtime; the search is ours, since the runtime has none."""
    import onnxruntime as runtime
    from tokenizers import Tokenizer
    from transformers import WhisperFeatureExtractor

    options = runtime.SessionOptions()
    options.intra_op_num_threads = num_threads
    encoder, decoder = (
        runtime.InferenceSession(str(folder / f"{name}_model.onnx"), options)
        for name in ("encoder", "decoder")
    )
    extract = WhisperFeatureExtractor.from_pretrained(folder)
    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    description = read_description(folder)
    always = list(description.suppress_tokens or ())
    always += range(description.no_timestamps_token_id, description.no_timestamps_token_id + 1502)
    first = [*always, *(description.begin_suppress_tokens or ())]

    def read(waveform: Waveform, utterance: Utterance, budget: int) -> str:
        mel = extract(waveform, sampling_rate=SAMPLE_RATE, return_tensors="np").input_features
        encoded = encoder.run(None, {"input_features": mel})[0]
        prompt = prompt_tokens(description, utterance.language)
        tokens: list[int] = []
        while len(tokens) < min(budget, description.max_target_positions - len(prompt)):
            inputs = {
                "input_ids": np.array([prompt + tokens]), "encoder_hidden_states": encoded
            }  # fmt: skip
            logits = decoder.run(None, inputs)[0][0, -1]
            suppressed = np.array(always if tokens else first)
            logits[suppressed[suppressed < len(logits)]] = -np.inf
            token = int(logits.argmax())
            if token == description.eos_token_id:
                break
            tokens.append(token)
        text: str = tokenizer.decode(tokens, skip_special_tokens=False)
        return text

    return read
