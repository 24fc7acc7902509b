"""How to run a package: for each tool that reads one of its exports, commands for the card."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TRANSFORMERS = """\
import soundfile
from transformers import pipeline

waveform, rate = soundfile.read("clip.wav", dtype="float32")
transcribe = pipeline("automatic-speech-recognition", model=".")
options = {{"language": "{language}", "task": "transcribe"}}
clip = {{"raw": waveform, "sampling_rate": rate}}
print(transcribe(clip, generate_kwargs=options)["text"])
"""
_FASTER_WHISPER = """\
from faster_whisper import WhisperModel

model = WhisperModel("{format}", device="cpu")
segments, _ = model.transcribe("clip.wav", language="{language}")
print(" ".join(segment.text.strip() for segment in segments))
"""
_WHISPER_CPP = """\
from pywhispercpp.model import Model

model = Model("{format}/ggml-model.bin", language="{language}")
print(" ".join(segment.text.strip() for segment in model.transcribe("clip.wav")))
"""
_PREDICT = """\
echo '{{"utterance_id": "clip", "audio_path": "clip.wav"}}' > clips.jsonl
python -m commands.predict --model {folder} --language {language} --manifest clips.jsonl \
--out predictions.jsonl
"""
_VLLM = """\
vllm serve . --served-model-name {name}
curl http://localhost:8000/v1/audio/transcriptions \
-F file=@clip.wav -F model={name} -F language={language}
"""
# By what an export's name starts with. The smallest export of a kind is named last in `formats`.
_WHISPER = (("ctranslate2", "faster-whisper", _FASTER_WHISPER),
            ("ggml", "whisper.cpp, through pywhispercpp", _WHISPER_CPP))  # fmt: skip


@dataclass(frozen=True)
class Usage:
    """One tool: its name, a note, and code in a language of Markdown's fences."""

    tool: str
    note: str
    syntax: str
    code: str


def usages(manifest: Mapping[str, Any]) -> Iterator[Usage]:
    """For each tool the commands, which read ``clip.wav``, 16 kHz mono, in the package's folder."""
    formats = list(manifest["exports"]["formats"])
    values = {"language": spoken_language(manifest), "name": manifest["name"],
              "folder": f"models/package/{manifest['name']}-{manifest['version']}"}  # fmt: skip
    family = manifest["family"]
    if family == "whisper" and "transformers" in formats:
        yield Usage("transformers", "", "python", _TRANSFORMERS.format(**values))
    for start, tool, code in _WHISPER:
        if found := [one for one in formats if one.startswith(start)]:
            note = f"Also: {', '.join(found[:-1])}." if len(found) > 1 else ""
            yield Usage(tool, note, "python", code.format(format=found[-1], **values))
    if "transformers" in formats or "own" in formats:
        note = "In the repository that made this model, which computes each clip's own length only."
        yield Usage("commands.predict", note, "bash", _PREDICT.format(**values))
        if "transformers" in formats and family in ("whisper", "qwen3_asr"):
            note = "A server on a GPU. No test of ours runs these two commands."
            yield Usage("vLLM", note, "bash", _VLLM.format(**values))


def spoken_language(manifest: Mapping[str, Any]) -> str:
    """The language for the commands: the most frequent one of train, by the token it goes by."""
    languages: dict[str, int] = manifest["data"]["train"]["languages"]
    most = max(languages, key=lambda name: languages[name])
    tokens: dict[str, str] = manifest["base"]["weights"].get("language_token") or {}
    return tokens.get(most, most)
