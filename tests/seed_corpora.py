"""Small corpora of synthetic speech in the five forms in which people have their data."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import soxr

from benchmarks.espeak import speak

HEBREW = ["שלום לכולם", "מה שלומך היום", "אני גר בירושלים", "תודה רבה לך", "בוקר טוב", "לילה טוב",
          "איפה התחנה", "כמה זה עולה", "הילד אוכל תפוח", "החתול ישן"]  # fmt: skip
ENGLISH = ["the cat is on the mat", "i like red apples", "we go to school", "she has two dogs",
           "look at the moon", "my name is sam", "it is raining today", "he can run fast",
           "the ball is blue", "open the door please"]  # fmt: skip
BALKAN = {
    "bs": ["Dobar dan svima.", "Gdje je stanica?", "Kiša pada danas.", "Volim ovu pjesmu."],
    "hr": ["Dobro jutro.", "Kako se zoveš?", "Vlak dolazi u podne.", "Sunce sja nad morem."],
    "sr": ["Добар дан.", "Како се зовеш?", "Воз стиже у подне.", "Сунце сија над градом."],
}


def sound(text: str, voice: str, kind: str, rate: int = 16_000, variant: str = "") -> bytes:
    """Speech as a file of a kind, such as WAV, FLAC or MP3, at a rate."""
    spoken = speak(text, voice, variant)
    resampled = soxr.resample(spoken.samples.astype(np.float32) / 32_768, spoken.rate, rate)
    file = io.BytesIO()
    soundfile.write(file, resampled, rate, format=kind)
    return file.getvalue()


def _write(root: Path, name: str, content: bytes | str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def hebrew_parquet(root: Path) -> None:
    """Hugging Face's Parquet with embedded bytes, in two shards."""
    root.mkdir(parents=True)
    for shard in range(2):
        rows = [
            {"audio": {"bytes": sound(text, "he", "FLAC"), "path": f"{n}.flac"}, "text": text,
             "uuid": f"{shard}-{n}"}
            for n, text in enumerate(HEBREW[shard::2])
        ]  # fmt: skip
        path = root / f"train-{shard:05}-of-00002.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)


def librispeech(root: Path) -> None:
    """Ten speakers, a chapter each."""
    for n, text in enumerate(ENGLISH):
        folder = f"LibriSpeech/train-clean-100/{n}/{n}00"
        _write(root, f"{folder}/{n}-{n}00-0000.flac", sound(text, "en", "FLAC"))
        _write(root, f"{folder}/{n}-{n}00.trans.txt", f"{n}-{n}00-0000 {text.upper()}\n")


def drivendata(root: Path) -> None:
    """One manifest, audio over three folders, one of them without the manifest's ``audio/``."""
    lines = []
    for n, text in enumerate(ENGLISH):
        folder = ("audio_part_0/audio", "audio_part_1/audio", "audio_part_2")[n % 3]
        _write(root, f"{folder}/U_{n}.flac", sound(text, "en", "FLAC", 44_100, "f2"))
        lines.append({
            "utterance_id": f"U_{n}", "child_id": f"C_{n}", "session_id": f"S_{n}",
            "audio_path": f"audio/U_{n}.flac", "age_bucket": ("3-4", "5-7", "8-11")[n % 3],
            "orthographic_text": text,
        })  # fmt: skip
    lines.append(lines[0] | {"utterance_id": "U_gone", "audio_path": "audio/U_gone.flac"})
    _write(root, "train_word_transcripts.jsonl", "".join(json.dumps(x) + "\n" for x in lines))


def audiofolder(root: Path) -> None:
    """Given train and test folders with a ``metadata.csv`` each."""
    for split, texts in (("train", ENGLISH[:7]), ("test", ENGLISH[7:])):
        rows = ["file_name,transcription,speaker_id"]
        for n, text in enumerate(texts):
            _write(root, f"{split}/{n}.wav", sound(text, "en", "WAV", 8_000, f"m{n % 3 + 1}"))
            rows.append(f"{n}.wav,{text},{split}-{n}")
        _write(root, f"{split}/metadata.csv", "\n".join(rows) + "\n")


def paired(root: Path) -> None:
    """MP3 and WAV with TXT, one with LRC, in three languages that an inventory tells apart."""
    rows = ["filename,language,speaker_id,license"]
    for language, texts in BALKAN.items():
        for n, text in enumerate(texts):
            kind = ("MP3", "WAV")[n % 2]
            name = f"{language}/{n}"
            _write(root, f"{name}.{kind.lower()}", sound(text, language, kind, 44_100))
            _write(root, f"{name}.txt", text)
            rows.append(f"{name}.{kind.lower()},{language},{language}{n},CC-BY-4.0")
    first, second = BALKAN["hr"][2:]
    _write(root, "hr/song.mp3", sound(f"{first} {second}", "hr", "MP3", 44_100))
    _write(root, "hr/song.lrc", f"[la:hr]\n[00:00.00]{first}\n[00:01.20]{second}\n")
    _write(root, "metadata.csv", "\n".join(rows) + "\n")
