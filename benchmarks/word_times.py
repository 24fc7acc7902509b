"""How far off word times are, by method, language and sound: ``python -m benchmarks.word_times``.

The truth is synthetic: eSpeak NG says where each word starts and ends. Each sentence is aligned in
silence, in white noise, over music, and at half the speed, with the same weights:

- ours: letters forced through the decoder, heads chosen for each clip;
- word pieces in place of letters;
- the heads that the model's generation config names in place of chosen ones;
- faster-whisper's word times: CTranslate2's ``align`` of word pieces by those heads, at 30 s.

    python -m benchmarks.word_times models/base
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asr.alignment.attention import scores_of_attention, shares_of_frames
from asr.alignment.letters import letter_units, word_units
from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import UnitScores
from asr.alignment.words import word_times
from asr.core.params import load_params
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.whisper.alignment.aligner import WhisperAligner
from asr.utterances.waveform import SAMPLE_RATE, Waveform
from benchmarks.conversions import to_ctranslate2
from benchmarks.espeak import SpokenWords, speak_words
from benchmarks.measure import timed, write_result

MARGIN_S = 0.3
VARIANTS = ("", "f2", "m3")  # voices
SENTENCES = {
    "be": [
        "Добры дзень, сябры, сёння вельмі добрае надвор'е.",
        "Мая маці жыве ў вёсцы каля ракі.",
        "Кот спіць на канапе каля акна.",
    ],
    "bg": [
        "Днес времето е хубаво и ще отидем на планина.",
        "Моят брат работи в София, а аз уча във Варна.",
        "Котката спи на дивана до прозореца.",
    ],
    "en": [
        "The quick brown fox jumps over the lazy dog.",
        "My brother lives in London, and he works at 25 schools.",
        "Yesterday we walked along the river until it was dark.",
    ],
    "es": [
        "Hoy hace buen tiempo y vamos a la playa.",
        "Mi hermana vive en Madrid y trabaja en 12 escuelas.",
        "El gato duerme en el sofá junto a la ventana.",
    ],
    "fr": [
        "Aujourd'hui il fait beau et nous allons à la plage.",
        "Ma sœur habite à Paris et travaille dans une école.",
        "Le chat dort sur le canapé près de la fenêtre.",
    ],
    "he": [
        "שלום לכם ילדים טובים, בוקר טוב.",
        "אני גר בעיר גדולה ליד הים.",
        "החתול ישן על הספה בסלון.",
    ],
    "hr": [
        "Danas je lijep dan, pa idemo na more.",
        "Moja sestra živi u Zagrebu i radi u 3 škole.",
        "Vlak polazi u sedam sati navečer.",
    ],
    "ru": [
        "Сегодня утром мы пошли в лес, чтобы собрать грибы.",
        "Моя сестра живёт в Москве и работает в Google.",
        "Поезд отправляется в семь часов вечера.",
    ],
    "sr": [
        "Dobro jutro, kako ste danas, prijatelji moji?",
        "Moj brat živi u Beogradu i studira medicinu.",
        "Mačka spava na stolici pored prozora.",
    ],
}

Times = Mapping[int, tuple[float, float]]
Method = Callable[[SpokenWords, str], Times]


def in_noise(one: SpokenWords, snr_db: float) -> SpokenWords:
    """The clip in white noise."""
    noise = np.random.default_rng(1).standard_normal(len(one.waveform))
    return _mixed(one, noise, snr_db)


def over_music(one: SpokenWords, snr_db: float) -> SpokenWords:
    """The clip over chords with a beat, as under singing: a new chord each half second."""
    seconds = np.arange(len(one.waveform)) / SAMPLE_RATE
    chords = np.array([[220.0, 277.2, 329.6], [196.0, 246.9, 293.7], [174.6, 220.0, 261.6]])
    hz = chords[(seconds // 0.5).astype(int) % 3]
    tones = np.sin(2 * np.pi * hz * seconds[:, None]) + 0.5 * np.sin(
        4 * np.pi * hz * seconds[:, None]
    )
    beat = np.exp(-8 * (seconds % 0.5))
    return _mixed(one, tones.sum(1) * (0.5 + beat), snr_db)


def _mixed(one: SpokenWords, sound: np.ndarray, snr_db: float) -> SpokenWords:
    power = np.mean(np.square(one.waveform)) / 10 ** (snr_db / 10)
    scaled = sound * np.sqrt(power / np.mean(np.square(sound)))
    return replace(one, waveform=(one.waveform + scaled).astype(np.float32))


def at_half_speed(one: SpokenWords) -> SpokenWords:
    """The clip stretched to twice its length at the same pitch, as vowels are in singing."""
    from python_stretch.Signalsmith import Stretch

    stretch = Stretch(0)
    stretch.preset(1, SAMPLE_RATE)
    stretch.setTimeFactor(0.5)
    waveform: Waveform = np.asarray(stretch.process(one.waveform[np.newaxis]), np.float32)[0]
    factor = len(waveform) / len(one.waveform)
    times = tuple(None if t is None else (t[0] * factor, t[1] * factor) for t in one.times)
    return replace(one, waveform=waveform, times=times)


CONDITIONS: dict[str, Callable[[SpokenWords], SpokenWords]] = {
    "clean": lambda one: one,
    "noise, 20 dB": lambda one: in_noise(one, 20.0),
    "noise, 10 dB": lambda one: in_noise(one, 10.0),
    "noise, 0 dB": lambda one: in_noise(one, 0.0),
    "music, 10 dB": lambda one: over_music(one, 10.0),
    "music, 0 dB": lambda one: over_music(one, 0.0),
    "half speed": at_half_speed,
}


def our_method(
    aligner: WhisperAligner, params: AlignParams, *, letters: bool, fixed_heads: bool
) -> Method:
    """Ours, or one of its parts changed."""
    config: Any = aligner.whisper.network.config
    named: Any = aligner.whisper.network.generation_config
    fixed = [layer * config.decoder_attention_heads + head for layer, head in named.alignment_heads]

    @torch.inference_mode()
    def times(one: SpokenWords, language: str) -> Times:
        decoder = aligner.hear(one.waveform, language)
        split = letter_units if letters else word_units
        units = split(one.text, aligner.tokens, True)
        num_frames = -(-len(one.waveform) // 320)
        attention = decoder.attention(units.tokens)[..., :num_frames]
        predicts, reads = attention[:, :-1], attention[:, 1:]
        if fixed_heads:
            chosen = (predicts[fixed] + reads[fixed]) / np.float32(2)
            scores = shares_of_frames(chosen, params.smooth_frames)
        else:
            scores = scores_of_attention(predicts, reads, params.num_heads, params.smooth_frames)
        kept = units.spoken
        sure = np.ones(len(one.text.split()))
        found = UnitScores(scores[kept], units.words[kept], decoder.frame_s, sure)
        return word_times(found, one.waveform, params) or {}

    return times


def faster_whisper(folder: Path, num_threads: int) -> Method:
    """faster-whisper's word times for a given text."""
    from faster_whisper import WhisperModel
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.tokenizer import Tokenizer

    model = WhisperModel(str(folder), device="cpu", compute_type="float32", cpu_threads=num_threads)

    def times(one: SpokenWords, language: str) -> Times:
        tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=language)
        features = model.feature_extractor(one.waveform)
        encoded = model.encode(pad_or_trim(features))
        tokens = tokenizer.encode(f" {one.text}")
        (pieces,) = model.find_alignment(tokenizer, [tokens], encoded, [features.shape[-1]])
        return times_of_pieces(one.text, [(p["word"], p["start"], p["end"]) for p in pieces])

    return times


def times_of_pieces(text: str, pieces: Sequence[tuple[str, float, float]]) -> Times:
    """Times of the words of a text from those of its pieces, which spell it in order."""
    owners = [index for index, word in enumerate(text.split()) for _ in word]
    found: dict[int, tuple[float, float]] = {}
    at = 0
    for piece, start, end in pieces:
        letters = "".join(piece.split())
        if letters and at < len(owners):
            first = found.get(owners[at], (start, end))[0]
            if any(map(str.isalnum, letters)):
                found[owners[at]] = (float(first), float(end))
        at += len(letters)
    return found


def errors(
    method: Method, clips: Sequence[tuple[str, SpokenWords]]
) -> tuple[dict[str, list[float]], int, int]:
    """Signed errors of starts and ends by language, in seconds; words found; words in all."""
    found: dict[str, list[float]] = {}
    num = num_found = 0
    for language, one in clips:
        times = method(one, language)
        for index, truth in enumerate(one.times):
            if truth is None:
                continue
            num += 1
            if index in times:
                num_found += 1
                own = found.setdefault(language, [])
                own += [times[index][0] - truth[0], times[index][1] - truth[1]]
    return found, num_found, num


def row(method: Method, clips: Sequence[tuple[str, SpokenWords]]) -> dict[str, Any]:
    """Mean, median and shares of the errors of a method, and its CPU seconds a minute."""
    with timed() as timing:
        by_language, num_found, num = errors(method, clips)
    sizes = np.abs(np.array([e for own in by_language.values() for e in own]))
    minutes = sum(len(one.waveform) for _, one in clips) / SAMPLE_RATE / 60
    return {
        "mean_ms": round(1000 * float(sizes.mean())),
        "median_ms": round(1000 * float(np.median(sizes))),
        "within": {
            str(ms): round(float(np.mean(sizes <= ms / 1000)), 3) for ms in (25, 50, 100, 200)
        },
        "coverage": round(num_found / num, 4),
        "mean_ms_by_language": {
            language: round(1000 * float(np.abs(own).mean()))
            for language, own in sorted(by_language.items())
        },
        "cpu_s_a_minute": round(timing.cpu_s / minutes, 2),
    }


def measure(folder: Path, languages: Sequence[str], scratch: Path) -> dict[str, Any]:
    """All methods under all conditions."""
    params = load_params("align", AlignParams)
    machine = load_params("machine", MachineParams).model_copy(update={"device": "cpu"})
    aligner = WhisperAligner(folder, use_machine(machine), params)
    methods = {
        "letters, chosen heads": our_method(aligner, params, letters=True, fixed_heads=False),
        "word pieces, chosen heads": our_method(aligner, params, letters=False, fixed_heads=False),
        "letters, fixed heads": our_method(aligner, params, letters=True, fixed_heads=True),
        "word pieces, fixed heads": our_method(aligner, params, letters=False, fixed_heads=True),
        "faster-whisper": faster_whisper(to_ctranslate2(folder, scratch), torch.get_num_threads()),
    }
    voices = {"en": "en-us"}
    spoken = [
        (language, speak_words(text, voices.get(language, language), variant, MARGIN_S))
        for language in languages
        for text, variant in zip(SENTENCES[language], VARIANTS, strict=True)
    ]
    rows: dict[str, Any] = {}
    for condition, change in CONDITIONS.items():
        clips = [(language, change(one)) for language, one in spoken]
        rows[condition] = {name: row(method, clips) for name, method in methods.items()}
    return {
        "clips": len(spoken),
        "words": sum(time is not None for _, one in spoken for time in one.times),
        "conditions": rows,
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print and write ``benchmarks/results/word_times.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--scratch", type=Path, default=Path("benchmarks/scratch"))
    parser.add_argument("--quick", action="store_true", help="one language; writes nothing")
    options = parser.parse_args(words)
    languages = ["bg"] if options.quick else sorted(SENTENCES)
    result = measure(options.model, languages, options.scratch)
    write_result("word_times", result, keep=not options.quick)


if __name__ == "__main__":
    main()
