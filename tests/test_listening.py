# python -m pytest tests/test_listening.py
import sqlite3
from itertools import combinations

import ctranslate2
import numpy as np
import pytest

from asr.audit.corpus import audit_utterances, end_drop_db
from asr.audit.listening import open_on_machine, other_clips
from asr.audit.table import worst_first
from asr.audit.text_language import language_gap
from asr.core.errors import InputError
from asr.core.result_cache import FILE, NO_CACHE, result_cache
from asr.devices.params import MachineParams
from asr.families.whisper.judge import judge_scope, open_judge
from asr.families.whisper.tokens.languages import CODES
from tests.examples import tone, utterance
from tests.test_faults import PARAMS as DEFAULTS
from tests.tiny_whisper import write_transformers

# The tiny encoder has room for 1 s; two or three clips a batch.
PARAMS = DEFAULTS.model_copy(update={"margin_s": 0.0, "batch_seconds": 2.0, "precision": "float32"})
WORDS = ["кот", "дуб", "лес", "рыч", "сук"]  # the tiny decoder has room for 9 bytes
UTTERANCES = [utterance(str(n), text=text, duration_s=0.3 + n / 10)
              for n, text in enumerate(WORDS)]  # fmt: skip
MACHINE = MachineParams(device="auto", num_threads=2, num_processes=1, shard_weights=False)
no_gpu = pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="a GPU is there")
WAVEFORMS = [tone(u.duration_s, hz=200.0 + 50 * n) for n, u in enumerate(UTTERANCES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit") / "tiny"
    write_transformers(folder)
    return folder


@pytest.fixture(scope="module")
def judge(folder):
    return open_judge(folder, PARAMS, 1)


@pytest.fixture(scope="module")
def scope(folder):
    return judge_scope(folder, PARAMS)


def test_others_are_as_many_as_asked_and_never_itself():
    others = other_clips(UTTERANCES, 2, seed=1)
    assert [len(set(clips)) for clips in others] == [2] * 5
    assert all(i not in clips for i, clips in enumerate(others))
    assert others == other_clips(UTTERANCES, 2, seed=1)


def test_a_sentence_that_differs_by_a_letter_is_no_contrast():
    texts = ["Знак для літары Б", "Знак для літары В", "Знак для літары Г", "Чорны кот"]
    utterances = [utterance(str(n), text=text) for n, text in enumerate(texts)]
    assert other_clips(utterances, 2, seed=1)[:3] == [[3], [3], [3]]


def test_one_utterance_has_no_other():
    assert other_clips(UTTERANCES[:1], 2, seed=1) == [[]]


def test_a_new_utterance_changes_few_choices_of_the_others():
    letters = "абвгдежзіклмнопрстуф"
    words = [a * 5 + b * 4 for a in letters for b in letters[:10]]
    utterances = [utterance(str(n), text=word) for n, word in enumerate(words)]
    before = other_clips(utterances[:-1], 2, seed=1)
    after = other_clips(utterances, 2, seed=1)[:-1]
    assert sum(old != new for old, new in zip(before, after, strict=True)) <= 8  # of 199


@pytest.fixture
def audit(judge, scope, tmp_path, monkeypatch):
    """Audit with the cache in ``tmp_path/cache``: the rows, and how many clips were scored."""
    score_clips = judge.score_clips

    def run(utterances=UTTERANCES, waveforms=WAVEFORMS, version="tiny", stop_after=None):
        num_scored = []

        def counted(clips, *arguments):
            if stop_after is not None and len(num_scored) == stop_after:
                raise KeyboardInterrupt
            num_scored.append(len(clips))
            return score_clips(clips, *arguments)

        with monkeypatch.context() as patched, result_cache(tmp_path / "cache") as cache:
            patched.setattr(judge, "score_clips", counted)
            rows = audit_utterances(judge, scope, waveforms, utterances, PARAMS, cache, version)
        return rows, sum(num_scored)

    return run


def test_a_second_audit_scores_nothing_and_writes_the_same(audit):
    rows, num_scored = audit()
    assert num_scored == 5
    assert audit() == (rows, 0)
    assert audit(version="another model") == (rows, 5)


def test_a_new_utterance_is_scored_and_little_else(audit, judge, scope):
    texts = ["".join(letters) for letters in combinations("абвгдежзі", 3)]
    many = [utterance(str(n), text=t, duration_s=0.3 + n / 400) for n, t in enumerate(texts)]
    sounds = [tone(one.duration_s, hz=200.0 + n) for n, one in enumerate(many)]
    audit(many[:-1], sounds[:-1])
    rows, num_scored = audit(many, sounds)
    assert rows == audit_utterances(judge, scope, sounds, many, PARAMS, NO_CACHE, "")
    assert num_scored <= 16  # of 84
    assert audit(many, sounds) == (rows, 0)


def test_a_stopped_audit_goes_on_where_it_was(audit):
    with pytest.raises(KeyboardInterrupt):
        audit(stop_after=2)
    rows, num_scored = audit()
    assert num_scored == 1  # «кот»; the others came first, being longer
    assert audit() == (rows, 0)


def test_a_changed_result_is_computed_again(audit, tmp_path):
    rows, _ = audit()
    with sqlite3.connect(tmp_path / "cache" / FILE) as results:
        results.execute("UPDATE results SET result = replace(result, 'language', 'Language') "
                        "WHERE rowid = 2")  # fmt: skip
    assert audit() == (rows, 3)  # the second batch


def test_an_audit_beside_another_has_no_cache(audit, tmp_path):
    rows, _ = audit()
    with result_cache(tmp_path / "cache"):
        assert audit() == (rows, 5)


def test_a_transcript_beyond_the_decoder_stops_nothing(judge, scope):
    long = utterance("long", text="слова " * 400, duration_s=0.3)
    utterances = [long, *UTTERANCES[1:3]]
    rows = audit_utterances(judge, scope, WAVEFORMS[:3], utterances, PARAMS, NO_CACHE, "")
    assert [row.id for row in rows] == [one.id for one in utterances]
    assert all(row.fit is not None for row in rows)


def test_a_language_without_a_token_and_a_clip_beyond_the_window_are_not_judged(judge, scope):
    inuktitut = utterance("iu", text="ᐃᓄᒃᑎᑐᑦ", language="iu", duration_s=0.3)
    long = utterance("long", duration_s=31.0)
    utterances = [UTTERANCES[0], inuktitut, *UTTERANCES[1:3], long]
    clips = [WAVEFORMS[0], tone(0.3), *WAVEFORMS[1:3], tone(31.0)]
    rows = audit_utterances(judge, scope, clips, utterances, PARAMS, NO_CACHE, "")
    alone = audit_utterances(judge, scope, WAVEFORMS[:3], UTTERANCES[:3], PARAMS, NO_CACHE, "")
    assert [rows[0], *rows[2:4]] == alone
    for row in (rows[1], rows[4]):
        assert (row.keep, row.fault, row.fit, row.hypothesis) == ("yes", "", None, "")


def test_a_sample_is_heard_and_the_others_are_kept(judge, scope):
    params = PARAMS.model_copy(update={"sample": 0.5, "min_utterances": 2, "min_fit": 99,
                                       "drop": ["wrong_transcript"]})  # fmt: skip
    rows = audit_utterances(judge, scope, WAVEFORMS, UTTERANCES, params, NO_CACHE, "")
    heard = [row for row in rows if row.judged]
    assert 0 < len(heard) < len(rows) == 5
    alone = params.model_copy(update={"sample": 1.0})
    places = [i for i, row in enumerate(rows) if row.judged]
    clips = [WAVEFORMS[i] for i in places], [UTTERANCES[i] for i in places]
    assert heard == audit_utterances(judge, scope, *clips, alone, NO_CACHE, "")
    for row in rows:
        if not row.judged:
            assert (row.keep, row.fault, row.end_drop_db, row.text_language) == (
                "yes", "", None, None
            )  # fmt: skip
    assert [row.judged for row in worst_first(rows)] == [True] * len(heard) + [False] * (
        5 - len(heard)
    )


def test_a_clip_cut_off_ends_as_loud_as_it_is():
    whole = np.concatenate([tone(1.0), np.zeros(1600, np.float32)])
    assert end_drop_db(tone(1.0)) == pytest.approx(0.0, abs=0.2)
    # A sine of peak 0.5 is at -9 dBFS, digital silence counts as -90.
    assert end_drop_db(whole) == pytest.approx(81.0, abs=0.2)
    assert end_drop_db(tone(0.02)) == 0.0


def test_text_language_is_a_gap_to_the_likeliest_other():
    text = "Ляціць над полем белая птушка ў блакітным небе"
    assert language_gap(text, "be") > 10
    assert language_gap(text, "bg") < -10
    assert language_gap(text, "xx") is None


@pytest.mark.parametrize("text", ["שָׁלוֹם", "הַיֶּלֶד הָלַךְ לַגַּן", "הילד הלך לגן"])
def test_hebrew_is_hebrew_with_points_too(text):
    assert language_gap(text, "he") > 5


def test_others_are_of_the_same_language():
    languages = ["be", "bg"] * 20
    utterances = [utterance(f"{n:02}", text=f"слово {n}" * (1 + n % 3), language=language)
                  for n, language in enumerate(languages)]  # fmt: skip
    for one, others in zip(utterances, other_clips(utterances, 3, seed=1), strict=True):
        assert {utterances[i].language for i in others} <= {one.language}


def test_texts_of_any_number_and_length_are_scored_in_their_places(judge):
    """``align`` gets them by length, a few at a time."""
    texts = [["кот", "рыч", "д", "лес", "ку", "сук", "а"], ["дуб"]]
    together = judge.score_clips(WAVEFORMS[:2], "be", 1.0, texts, [5, 5])
    for clip, clip_texts in enumerate(texts):
        for place, text in enumerate(clip_texts):
            (alone,) = judge.score_clips([WAVEFORMS[clip]], "be", 1.0, [[text]], [5])
            assert together[clip].log_probs[place] == pytest.approx(alone.log_probs[0], abs=1e-4)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_judge_is_on_the_cpu(folder, device):
    judge, used = open_on_machine(PARAMS, folder, MACHINE.model_copy(update={"device": device}))
    assert (used, judge.num_workers) == ("cpu", 2)


@no_gpu
def test_a_gpu_that_is_not_there_is_named(folder):
    with pytest.raises(InputError, match=r"machine\.device: cuda is not on this machine"):
        open_on_machine(PARAMS, folder, MACHINE.model_copy(update={"device": "cuda"}))
    with pytest.raises(InputError, match=r"machine\.device: the judge can't use cuda: .* cpu"):
        open_judge(folder, PARAMS, 1, "cuda")


@no_gpu
def test_a_gpu_that_the_judge_cannot_use_is_an_error_only_if_asked_for(folder, monkeypatch, capsys):
    monkeypatch.setattr("asr.audit.listening.device_name", lambda machine: "cuda")
    auto, cuda = (MACHINE.model_copy(update={"device": one}) for one in ("auto", "cuda"))
    assert open_on_machine(PARAMS, folder, auto)[1] == "cpu"
    assert "the judge can't use cuda" in "".join(capsys.readouterr())
    with pytest.raises(InputError, match="the judge can't use cuda"):
        open_on_machine(PARAMS, folder, cuda)


def test_a_language_is_likeliest_under_the_code_that_was_asked_for(judge):
    """``jv`` and Whisper's ``jw`` are one token: no fault of the transcript."""
    found = judge.score_clips(WAVEFORMS[:1], "jv", 1.0, [["кот"]], [5])
    assert found[0].language in ("jv", *set(CODES) - {"jw"})
