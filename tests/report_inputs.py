"""Inputs of stage ``report`` for a handful of clips, as the stages before it write them."""

import shutil
from hashlib import sha256

from asr.alignment.table import AlignedUtterance, write_aligned
from asr.alignment.words import Word
from asr.audit.table import read_suspects, write_audit
from asr.core.files import write_json
from asr.training.progress import DEV_COLUMNS, TRAIN_COLUMNS
from asr.training.state.log import write_curve
from asr.utterances.hypothesis import Hypothesis, write_hypotheses
from asr.utterances.jsonl import write_jsonl
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from stages.compare import compare
from stages.report import report
from stages.score import score
from tests.audit_csv import audited
from tests.examples import tone, utterance

# name, reference, base hypothesis, tuned hypothesis
CLIPS = [
    ("cat", "чорны кот спіць", "чорт кот", "чорны кот спіць"),
    ("dog", "рыжы сабака", "рыжы", "рыжы сабака гаўкае"),
    ("evil", "<script>alert(1)</script> конь", "<img src=x>", "</p><script>alert(2)</script>"),
]
TRAIN_ROW = {"step": 5, "epoch": 1, "loss": 2.5, "lr": 1e-4, "grad_norm": 3.0, "audio_s": 60.0}
DEV_ROW = {"step": 5, "wer": 0.5, "cer": 0.25, "best": 1}


def clip(number):
    return to_int16(tone(0.5, hz=300.0 + 100 * number)).tobytes()


def write_inputs(
    folder,
    clips=CLIPS,
    train=(TRAIN_ROW,),
    dev=(DEV_ROW,),
    num_doubted=0,
    lm_languages=(),
    with_champion=False,
    corpus="xx",
    speaker_id=None,
):
    """Write what the stages before `report` write, for a handful of clips."""
    shards = folder / "prepared" / corpus
    shards.mkdir(parents=True)
    audio = [clip(number) for number in range(len(clips))]
    utterances = [
        utterance(name, text=text, duration_s=0.5, sha256=sha256(samples).hexdigest(),
                  corpus=corpus, speaker_id=speaker_id)
        for (name, text, _, _), samples in zip(clips, audio, strict=True)
    ]  # fmt: skip
    written = write_shards(shards, zip(utterances, audio, strict=True), max_bytes=1 << 20)
    audit = folder / "audit.csv"
    write_audit(audit, audited(written, num_dropped=num_doubted))
    write_jsonl(folder / "suspects.jsonl", read_suspects(audit, written))
    manifest = folder / "test.jsonl"
    write_manifest(manifest, written)
    write_aligned(folder / "words.jsonl", [timed(one) for one in written])
    for model, column in (("base", 2), ("tuned", 3)):
        heard = folder / "hypotheses" / f"{model}.jsonl"
        write_hypotheses(heard, [
            Hypothesis(id=one.id, text=row[column], num_tokens=3, mean_log_prob=-0.5, runaway=False)
            for one, row in zip(written, clips, strict=True)
        ])  # fmt: skip
        timing = folder / "timing.json"
        write_json(timing, {"audio_s": 1.5, "decode_s": 0.5, "rtfx": 3.0, "device": "cpu",
                            "num_utterances": len(clips)})  # fmt: skip
        changes = folder / "changes.json"
        changed = [{"id": written[0].id, "without": "<i>x</i>", "with": clips[0][column]}]
        languages = {one: {"unknown_word": 2.0} for one in lm_languages}
        write_json(changes, {"languages": languages, "changed": changed if languages else []})
        score("test", manifest, heard, timing, changes,
              folder / "metrics" / "score" / f"{model}.json",
              folder / "metrics" / "speed" / f"{model}.json")  # fmt: skip
    released = {"name": "v<1>", "commit": "a" * 40, "normalizers": None}
    write_json(folder / "champion" / "champion.json", released if with_champion else {"name": None})
    shutil.copy(folder / "hypotheses" / "base.jsonl", folder / "champion" / "hypotheses.jsonl")
    compare("test", manifest, folder / "hypotheses" / "base.jsonl",
            folder / "hypotheses" / "tuned.jsonl",
            folder / "champion", folder / "metrics" / "compare.json")  # fmt: skip
    count = {"num_utterances": len(clips), "num_utterances_by": {"corpus": {corpus: len(clips)}},
             "num_speakers": 0, "num_without_speaker": len(clips)}  # fmt: skip
    write_json(folder / "metrics" / "data.json", {
        "corpora": {corpus: {"hours": 0.1, "num_utterances": 9, "num_with_digits": 0,
                             "num_rejected": {"too_short": 7}, "num_repaired": {"bom": 2},
                             "num_dropped_by_audit": {"no_speech": 1}}},
        "splits": {name: count | {"seconds": 1.5} for name in ("train", "dev", "test")},
        "aside": {"sentence": 3}, "recommendations": ["record <others>"],
        "test_sha256": "0" * 64,
    })  # fmt: skip
    row = {"requirement": "WER overall, at most", "threshold": 0.3, "value": 0.4, "status": "fail"}
    closed = {"requirement": "corpora trained on, only", "threshold": ["be"], "value": ["be", "bg"]}
    unknown = {"requirement": "files with word times", "threshold": 0.8, "value": None}
    write_json(folder / "metrics" / "scorecard.json", {"gates": {
        "first_runs": row, "only_corpora": closed | {"status": "fail"},
        "word_time_coverage": unknown | {"status": "not measured"},
    }})  # fmt: skip
    write_curve(folder / "curves" / "train.csv", TRAIN_COLUMNS, list(train))
    write_curve(folder / "curves" / "dev.csv", DEV_COLUMNS, list(dev))


def timed(one):
    """Words of 0.1 s each, one after the other, each less sure than the one before."""
    words = [
        Word(text, n / 10, (n + 1) / 10, 0.75 / (n + 1)) for n, text in enumerate(one.text.split())
    ]
    return AlignedUtterance(id=one.id, text=one.text, words=tuple(words))


def render(folder):
    out = folder / "report.html"
    report(folder / "test.jsonl", folder / "prepared", folder / "suspects.jsonl",
           folder / "hypotheses", folder / "words.jsonl", folder / "metrics", folder / "curves",
           folder / "sweeps", out)  # fmt: skip
    return out.read_text(encoding="utf-8")


def measured(chars_per_minute, wer, text, phrases, valid=1.0):
    """One model's part of ``metrics/guards.json``."""
    return {
        "hallucination": {
            "chars_per_minute": chars_per_minute,
            "by_sound": {"silence": 0.0, "white_noise": chars_per_minute},
            "phantom_phrases": phrases,
            "examples": [{"sound": "white_noise", "language": "be", "text": text}],
        },
        "loops": {
            "share": 0.025, "num_utterances": 320,
            "examples": [{"utterance_id": "xx/loop", "text": "ня ня ня"}],
            "joined": {"num_recordings": 2, "num_loops": 1},
        },
        "forgetting": {"ru": {"num_utterances": 20, "wer": wer, "language_accuracy": 0.95},
                       "prompts": {"num_utterances": 5, "wer": 0.5, "language_accuracy": None}},
        "memorised": {"share": 1 / 80, "num_utterances": 80, "examples": []},
        "timestamps": {"num_clips": 20, "valid": valid, "inside": 1.0, "text_kept": 0.9},
    }  # fmt: skip


def write_guards(folder, text="дзякуй <b>за</b> прагляд"):
    write_json(folder / "metrics" / "guards.json", {
        "base": measured(12.5, 0.75, text, {text: 3}),
        "tuned": measured(1.5, 0.625, "шум", {}, valid=0.5),
    })  # fmt: skip
