"""A small corpus of each format, as its files; all say the same of the same two clips."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

ONE, TWO = "Prva rečenica.", "Druga rečenica."


def jsonl(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def parquet(rows: list[dict[str, object]], **options: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, **options)
    return buffer.getvalue()


def cut(number: int, speaker: str, text: str, **changes: object) -> dict[str, object]:
    """Lhotse's form of one utterance that is the whole of its recording."""
    recording = {
        "id": f"r{number}",
        "sources": [{"type": "file", "channels": [0], "source": f"wav/{number}.wav"}],
        "sampling_rate": 16000, "num_samples": 16000, "duration": 1.0, "channel_ids": [0],
    }  # fmt: skip
    said = {
        "id": f"u{number}", "recording_id": f"r{number}", "start": 0.0, "duration": 1.0,
        "channel": 0, "text": text, "language": "hr", "speaker": speaker,
    }  # fmt: skip
    whole = {
        "id": f"c{number}", "start": 0, "duration": 1.0, "channel": 0, "type": "MonoCut",
        "supervisions": [said], "recording": recording,
    }  # fmt: skip
    return whole | changes


def task(number: int, speaker: str, text: str) -> dict[str, object]:
    """Label Studio's form of an annotated task with an uploaded file and a draft."""
    area = {"from_name": "transcription", "to_name": "audio", "type": "textarea", "id": "x"}
    return {
        "id": number,
        "data": {"audio": f"/data/upload/1/a1b2c3d4-{number}.wav", "speaker_id": speaker},
        "annotations": [
            {"id": number, "was_cancelled": False, "ground_truth": False,
             "updated_at": "2026-11-01T10:00:00Z", "result": [area | {"value": {"text": [text]}}]}
        ],
        "predictions": [{"id": 7, "score": 0.5, "model_version": "tuned",
                         "result": [area | {"value": {"text": ["Nacrt."]}}]}],
    }  # fmt: skip


def corpora(one: bytes, two: bytes) -> dict[str, dict[str, bytes]]:
    """Files by format; ``one`` and ``two`` are encoded sounds."""
    return {
        "audiofolder": {
            "train/metadata.csv": table(
                "file_name,transcription,speaker_id,age_bucket",
                f'a/one.wav,"{ONE}",s1,5-7',
                f"two.wav,{TWO},s2,8-9",
            ),
            "train/a/one.wav": one,
            "train/two.wav": two,
        },
        "jsonl": {
            "manifest.jsonl": jsonl(
                {"utterance_id": "one", "audio_path": "audio/one.wav", "child_id": "s1",
                 "session_id": 7, "orthographic_text": ONE, "age_bucket": "5-7"},
                {"utterance_id": "two", "audio_path": "audio/two.wav", "child_id": "s2",
                 "session_id": 8, "orthographic_text": TWO, "age_bucket": "8-9"},
            ),
            "part_0/audio/one.wav": one,
            "part_1/audio/two.wav": two,
        },
        "table": {
            "Lines.CSV": table(
                "path;sentence;speaker;age_bucket", f'a/one.wav;"{ONE}";s1;5-7',
                f"two.wav;{TWO};s2;8-9",
            ),
            "a/one.wav": one,
            "two.wav": two,
        },
        "paired": {
            "hr/one.mp3": one,
            "hr/one.lrc": f"[la:hr]\n[00:00.00]{ONE}\n[00:00.50]…\n".encode(),
            "sr/two.wav": two,
            "sr/two.txt": f"{TWO}\n".encode(),
            "metadata.csv": table(
                "filename,language,speaker_id,license,source_url",
                "hr/one.mp3,hr,s1,CC-BY-4.0,https://example.org/1",
                "two.wav,sr,s2,CC0-1.0,",
            ),
        },
        "parquet": {
            "data/train-00000-of-00001.parquet": parquet(
                [
                    {"audio": {"bytes": one, "path": "x.wav"}, "sentence": ONE, "speaker": "s1"},
                    {"audio": {"bytes": two, "path": "x.wav"}, "sentence": TWO, "speaker": "s2"},
                ],
                row_group_size=1,
            )
        },
        "librispeech": {
            "LibriSpeech/SPEAKERS.TXT": table("; ID |SEX|", "19 | F | train-clean-100 | 25 | K"),
            "LibriSpeech/train-clean-100/19/198/19-198.trans.txt": table(f"19-198-0000 {ONE}"),
            "LibriSpeech/train-clean-100/19/198/19-198-0000.flac": one,
            "LibriSpeech/dev-clean/26/495/26-495.trans.txt": table(f"26-495-0000 {TWO}"),
            "LibriSpeech/dev-clean/26/495/26-495-0000.flac": two,
        },
        "common_voice": {
            "hr/train.tsv": table(
                "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tlocale",
                f"s1\tone.mp3\t{ONE}\t2\t0\tteens\thr",
            ),
            "hr/validated.tsv": table(
                "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tlocale",
                f"s1\tone.mp3\t{ONE}\t2\t0\tteens\thr",
                f"s2\ttwo.mp3\t{TWO}\t3\t1\t\thr",
            ),
            "hr/clips/one.mp3": one,
            "hr/clips/two.mp3": two,
        },
        "fleurs": {
            "data/hr_hr/train.tsv": table(
                f"7\t10.wav\t{ONE}\tprva rečenica\tp r v a | r e č e n i c a |\t16000\tFEMALE"
            ),
            "data/hr_hr/test.tsv": table(
                f"7\t11.wav\t{TWO}\tdruga rečenica\td r u g a |\t32000\tMALE"
            ),
            "data/hr_hr/audio/train/10.wav": one,
            "data/hr_hr/audio/test/11.wav": two,
        },
        "kaldi": {
            "data/train/wav.scp": table("one wav/1.wav", "two wav/2.wav"),
            "data/train/text": table(f"one {ONE}", f"two {TWO}"),
            "data/train/utt2spk": table("one s1", "two s2"),
            "data/train/spk2gender": table("s1 f", "s2 m"),
            "data/train/wav/1.wav": one,
            "wav/2.wav": two,
        },
        "nemo": {
            "dev_manifest.json": jsonl(
                {"audio_filepath": "wav/1.wav", "duration": 1.0, "text": ONE, "speaker": "s1",
                 "lang": "hr"},
                {"audio_filepath": "wav/2.wav", "duration": 1.0, "text": TWO, "speaker": "s2",
                 "lang": "sr"},
            ),
            "wav/1.wav": one,
            "wav/2.wav": two,
        },
        "lhotse": {
            "cuts.jsonl.gz": gzip.compress(jsonl(cut(1, "s1", ONE), cut(2, "s2", TWO)), mtime=0),
            "wav/1.wav": one,
            "wav/2.wav": two,
        },
        "stamps": {
            "birds/one.txt": table(f"hr.utf8={ONE}"),
            "birds/one_desc_hr.ogg": one,
            "birds/two.txt": table(f"hr.utf8={TWO}"),
            "birds/two_desc_hr.ogg": two,
        },
        "asterisk": {
            "doc/core-sounds-hr.txt": table("; Prompts", f"one: {ONE}", f"digits/2: {TWO}"),
            "sounds/hr_HR_f_Ana/one.wav": one,
            "sounds/hr_HR_f_Ana/digits/2.wav": two,
        },
        "label_studio": {
            "project-1.json": json.dumps([task(1, "s1", ONE), task(2, "s2", TWO)]).encode(),
            "audio/a1b2c3d4-1.wav": one,
            "audio/2.wav": two,
        },
    }  # fmt: skip
