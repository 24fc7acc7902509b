# python -m pytest tests/test_label_check.py
"""The check before the first step finds each fault of labels in each family, and no other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from asr.core.errors import InputError
from asr.families.whisper.training.params import LongContextParams
from asr.training.label_check import check_labels
from asr.training.labels import AUDIO, IGNORED, ClipLabels, LabelRules, check_clip
from asr.training.params import JoinParams
from tests.examples import utterance
from tests.tiny_families import CLIPS, FAMILIES, utterances

NO_LONG_CONTEXT = LongContextParams(share=0.0, max_s=30.0, zeros_share=0.0)
# CTC has no prompt and no end token; its labels are a list a clip.
DECODERS = [family for family in FAMILIES if family.family != "ctc"]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)


@pytest.fixture
def base(family, made_once):
    return (
        made_once(f"tiny-{family.family}", lambda folder: family.write_base(folder / "base"))
        / "base"
    )


@pytest.fixture(scope="module")
def opened():
    return {}


@pytest.fixture
def trainee(family, base, opened):
    """One for all tests of a family: none of them trains it."""
    if family.family not in opened:
        opened[family.family] = family.trainee(base)
    return opened[family.family]


def check(family, trainee, clips=CLIPS):
    them = utterances(family.language)
    return check_labels(trainee, clips, them, family.params(), 30.0, seed=1)


def with_arguments(change):
    """Plant a fault in what the family's batch is built of: waveforms, utterances."""

    def plant(trainee, monkeypatch):
        build = trainee.batch

        def batch(waveforms, them, context_s, seeds, *, zeros):
            return build(*change(list(waveforms), list(them)), context_s, seeds, zeros=zeros)

        monkeypatch.setattr(trainee, "batch", batch)

    return plant


def with_tokens(change):
    """Plant a fault in what the family's batch is: tokens that are read, tokens to learn."""

    def plant(trainee, monkeypatch):
        build = trainee.batch

        def batch(*arguments, **keywords):
            built = build(*arguments, **keywords)
            if isinstance(built.inputs, torch.Tensor):
                inputs, targets = change(built.inputs, built.targets.clone())
                return replace(built, inputs=inputs, targets=targets)
            tokens, targets = change(built.inputs.tokens, built.targets.clone())
            more = tokens.shape[1] - built.inputs.tokens.shape[1]
            is_audio = torch.nn.functional.pad(built.inputs.is_audio, (more, 0))
            inputs = replace(built.inputs, tokens=tokens, is_audio=is_audio)
            return replace(built, inputs=inputs, targets=targets)

        monkeypatch.setattr(trainee, "batch", batch)

    return plant


def with_labels(change):
    """Plant a fault in the labels of a CTC batch."""

    def plant(trainee, monkeypatch):
        build = trainee.batch

        def batch(*arguments, **keywords):
            built = build(*arguments, **keywords)
            return replace(built, targets=[change(one) for one in built.targets])

        monkeypatch.setattr(trainee, "batch", batch)

    return plant


def in_texts(change):
    return with_arguments(lambda waveforms, them: (waveforms, change(them)))


def texts(them, change):
    return [one.model_copy(update={"text": change(one.text)}) for one in them]


def learned(row):
    return (row != IGNORED).nonzero().flatten().tolist()


def two_start_tokens(inputs, targets):
    masked = torch.full_like(targets[:, :1], IGNORED)
    return torch.cat([inputs[:, :1], inputs], 1), torch.cat([masked, targets], 1)


def no_end(inputs, targets):
    for row in targets:
        row[learned(row)[-1]] = IGNORED
    return inputs, targets


def no_labels(inputs, targets):
    return inputs, torch.full_like(targets, IGNORED)


def early_mask(inputs, targets):
    """The last token of the prompt is learned too."""
    for row in targets:
        row[learned(row)[0] - 1] = 7
    return inputs, targets


def late_mask(inputs, targets):
    """The first token of the transcript is not learned."""
    for row in targets:
        row[learned(row)[0]] = IGNORED
    return inputs, targets


def hole(inputs, targets):
    for row in targets:
        row[learned(row)[1]] = IGNORED
    return inputs, targets


def learned_padding(inputs, targets):
    for row in targets:
        row[learned(row)[-1] + 1 :] = row[learned(row)[-1]]
    return inputs, targets


def shifted_labels(inputs, targets):
    """The right prompt and the right text, but a token is read twice and the next one never."""
    inputs = inputs.clone()
    for read, row in zip(inputs, targets, strict=True):
        at = (read == row[learned(row)[0]]).nonzero().flatten()[-1]
        read[at] = read[at + 1]
    return inputs, targets


def softer_together(waveforms, them):
    return [waveform / len(waveforms) for waveform in waveforms], them


def silent(waveforms, them):
    return [np.zeros_like(waveform) for waveform in waveforms], them


FAULTS = {
    "features of a batch": (with_arguments(softer_together), "the same in a batch as alone"),
    "silent features": (with_arguments(silent), "features: expected those of a sound"),
    "text of another utterance": (
        in_texts(lambda them: [a.model_copy(update={"text": b.text})
                               for a, b in zip(them, them[1:] + them[:1], strict=True)]),
        "expected the text 'лес', got 'як гэта'",
    ),
    "a letter lost": (in_texts(lambda them: texts(them, lambda t: t[:-1])), "'лес', got 'ле'"),
    "a word too many": (in_texts(lambda them: texts(them, lambda t: t + " не")), "'лес', got 'лес"),
}  # fmt: skip
FAULTS_OF_DECODERS = {
    "two start tokens": (with_tokens(two_start_tokens), "prompt.*got"),
    "no end token": (with_tokens(no_end), "the end token .* to be learned, got"),
    "nothing to learn": (with_tokens(no_labels), "tokens to learn, got none"),
    "prompt learned": (with_tokens(early_mask), "prompt, which is not learned: expected"),
    "text masked": (with_tokens(late_mask), "prompt, which is not learned: expected"),
    "hole in the text": (with_tokens(hole), "every token of the transcript to be learned"),
    "padding learned": (with_tokens(learned_padding), "nothing to be learned after the first"),
    "inputs not shifted": (with_tokens(shifted_labels), "the label before it, got"),
    "wrong language": (
        in_texts(lambda them: [u.model_copy(update={"language": "bg"}) for u in them]),
        "prompt, which is not learned: expected .*(be|Belarusian).*, got .*(bg|Bulgarian)",
    ),
}  # fmt: skip
FAULTS_OF_CTC = {
    "blanks learned": (with_labels(lambda labels: [*labels, 0, 0]), "no padding and no blank, got"),
    "no labels": (with_labels(lambda labels: []), "tokens to learn, got none"),
}
PLANTED = [
    pytest.param(family, *fault, id=f"{family.family}-{name}")
    for family in FAMILIES
    for name, fault in (
        FAULTS | (FAULTS_OF_DECODERS if family in DECODERS else FAULTS_OF_CTC)
    ).items()
]


@pytest.mark.integration
@pytest.mark.parametrize(("family", "plant", "message"), PLANTED)
def test_each_fault_stops_with_the_id_of_the_utterance(
    family, trainee, plant, message, monkeypatch
):
    plant(trainee, monkeypatch)
    with pytest.raises(InputError, match=rf"^xx/\d: .*{message}"):
        check(family, trainee)


@pytest.mark.integration
@each_family
def test_what_the_families_build_passes_with_all_random_changes_on(family, base):
    changes = {"token_dropout": 0.3, "subword_dropout": 0.3}
    own = {name: value for name, value in changes.items() if name in family.own}
    params = {"join": JoinParams(share=0.8, max_s=8.0, max_pause_s=0.1)}
    trainee, them = family.trainee(base, own=own), utterances(family.language)
    report = check_labels(trainee, CLIPS, them, family.params(**params), 30.0, seed=1)
    assert report.num_utterances == report.num_clips == 4
    assert report.num_lossy == 0
    assert report.example["id"] == "xx/0"
    assert report.example["labels"].strip().startswith("лес")
    assert report.metrics()["labels_per_s"] == pytest.approx(report.num_labels / 2.8, abs=1e-3)


@pytest.mark.integration
@pytest.mark.parametrize("family", DECODERS, ids=lambda family: family.family)
def test_too_long_a_transcript_is_found_before_training(family, trainee, monkeypatch):
    monkeypatch.setattr(trainee, "max_labels", lambda duration_s: 99 if duration_s < 0.5 else 6)
    with pytest.raises(InputError, match=r"^xx/1: labels: expected at most 6 tokens in 0.6 s, got"):
        check(family, trainee)


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES[-1:], ids=lambda family: family.family)
def test_too_long_a_transcript_is_counted_where_the_loss_leaves_it_out(
    family, trainee, monkeypatch
):
    monkeypatch.setattr(trainee, "max_labels", lambda duration_s: 99 if duration_s < 0.5 else 6)
    assert check(family, trainee).num_too_long == 1


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda family: family.family)
@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (0 * CLIPS[1], "expected sound, got silence"),
        (CLIPS[1][:0], "expected 0.6 s, got 0 s"),
        (np.float32("nan") * CLIPS[1], "expected finite samples"),
    ],
)
def test_audio_that_is_not_there_is_found_before_training(family, trainee, clip, message):
    with pytest.raises(InputError, match=f"^xx/1: audio: {message}"):
        check(family, trainee, [CLIPS[0], clip, *CLIPS[2:]])


@pytest.mark.integration
@each_family
@pytest.mark.parametrize(
    "hits",
    [
        lambda waveforms, seeds: seeds is not None,
        lambda waveforms, seeds: seeds is None and np.any(waveforms[0]),
    ],
    ids=["random changes", "clips with sound"],
)
def test_a_fault_that_not_every_batch_has_is_found(family, trainee, hits, monkeypatch):
    build = trainee.batch

    def batch(waveforms, them, context_s, seeds, *, zeros):
        if hits(waveforms, seeds):
            them = texts(them, lambda text: text.replace("л", "р"))
        return build(waveforms, them, context_s, seeds, zeros=zeros)

    monkeypatch.setattr(trainee, "batch", batch)
    with pytest.raises(InputError, match="expected the text 'лес', got 'рес'"):
        check(family, trainee)


def one_frame_less(one):
    return replace(one, features=one.features[..., : one.features.shape[-1] // 2])


def one_place_more(one):
    at = one.read.index(AUDIO)
    return replace(one, read=[*one.read[:at], AUDIO, *one.read[at:]],
                   learned=[IGNORED, *one.learned])  # fmt: skip


@pytest.mark.integration
@pytest.mark.parametrize(
    ("family", "change", "message"),
    [
        *[(family, one_frame_less, r"features: expected \d+ frames in a batch too, got \d+")
          for family in FAMILIES],
        *[(family, one_place_more, "tokens in a batch: expected .*as alone")
          for family in DECODERS[1:]],
    ],
)  # fmt: skip
def test_a_clip_has_as_many_frames_and_tokens_in_a_batch_as_alone(
    family, trainee, change, message, monkeypatch
):
    label = trainee.clip_labels

    def changed(batch):
        rows = label(batch)
        return [change(one) for one in rows] if len(rows) > 1 else rows

    monkeypatch.setattr(trainee, "clip_labels", changed)
    with pytest.raises(InputError, match=rf"^xx/\d: {message}"):
        check(family, trainee)


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda family: family.family)
def test_batches_of_cached_outputs_and_the_task_are_checked_too(family, base, monkeypatch):
    own = {"cache_encoder": True, "long_context": NO_LONG_CONTEXT}
    trainee = family.trainee(base, "frozen_encoder", own=own)
    assert check(family, trainee).num_utterances == 4
    build = trainee.cached_batch
    tasks = trainee.network.generation_config.task_to_id
    with monkeypatch.context() as planted:
        planted.setattr(trainee, "cached_batch", lambda outputs, them, seeds: build(
            outputs, texts(them, lambda text: text.replace("л", "р")), seeds))  # fmt: skip
        with pytest.raises(InputError, match="expected the text 'лес', got 'рес'"):
            check(family, trainee)
    monkeypatch.setitem(tasks, "transcribe", tasks["translate"])
    with pytest.raises(InputError, match=r"expected .*<\|transcribe\|>.*, got .*<\|translate\|>"):
        check(family, trainee)


@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda family: family.family)
def test_of_a_large_corpus_a_sample_is_checked(family, trainee, monkeypatch):
    monkeypatch.setattr("asr.training.label_check.NUM_TEXTS", 2)
    report = check(family, trainee)
    assert (report.num_utterances, report.num_clips) == (2, 4)


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda family: family.family)
def test_timestamps_and_the_text_before_are_right_where_they_are_on(family, base, monkeypatch):
    read = family.trainee(base)._own
    own = {name: getattr(read, name).model_copy(update={"share": 0.5})
           for name in ("timestamps", "previous_text")}  # fmt: skip
    trainee, them = family.trainee(base, own=own), utterances(family.language)
    them = [one.model_copy(update={"id": f"xx/talk#{i}"}) for i, one in enumerate(them)]
    drawn = []
    label = trainee.clip_labels
    monkeypatch.setattr(trainee, "clip_labels", lambda batch: drawn.append(batch) or label(batch))
    for seed in range(4):
        check_labels(trainee, CLIPS, them, family.params(), 30.0, seed)
    spelled = "".join(trainee.label_rules.spell(row) for one in drawn for row in one.inputs)
    assert "<|0.00|>" in spelled
    assert "<|startofprev|>" in spelled
    monkeypatch.setattr(type(trainee), "label_rules", family.trainee(base).label_rules)
    with pytest.raises(InputError, match="prompt, which is not learned"):
        check_labels(trainee, CLIPS, them, family.params(), 30.0, seed)


def without_the_end_of_the_prompt(inputs, targets):
    """No ``<|notimestamps|>``, though the text has no timestamps."""
    return (torch.cat([inputs[:, :3], inputs[:, 4:]], 1),
            torch.cat([targets[:, :2], targets[:, 3:]], 1))  # fmt: skip


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda family: family.family)
def test_a_prompt_that_announces_timestamps_needs_them_in_the_text(family, base, monkeypatch):
    own = {"timestamps": family.trainee(base)._own.timestamps.model_copy(update={"share": 0.5})}
    trainee = family.trainee(base, own=own)
    with_tokens(without_the_end_of_the_prompt)(trainee, monkeypatch)
    with pytest.raises(InputError, match=r"expected '.*<\|notimestamps\|>', got '.*transcribe\|>'"):
        check(family, trainee)


# Tokens are letters; «<» begins a prompt, «^» a text before it, «/» ends a transcript.
LETTERS = "_<^/nbcdefg"
DECODER = LabelRules(
    spell=lambda tokens: "".join(LETTERS[token] for token in tokens),
    text=lambda tokens: "".join(LETTERS[token] for token in tokens),
    prompts=lambda language, _: [f"<{language[0]}n", f"<{language[0]}"],
    start=1, before_start=2, end=3, dropped=3,
)  # fmt: skip
CTC = replace(
    DECODER, prompts=lambda language, _: [""], start=None, end=None, never=frozenset({0}),
    written=lambda text: text.replace("?", ""),
)  # fmt: skip


def clip(read, learned):
    """Labels in letters; «.» is not learned."""
    return ClipLabels([LETTERS.index(letter) for letter in read],
                      [-100 if x == "." else LETTERS.index(x) for x in learned], None)  # fmt: skip


@pytest.mark.unit
@pytest.mark.parametrize(
    ("rules", "read", "learned", "text"),
    [
        (DECODER, "<bnde", "..de/", "de"),
        (DECODER, "<bde", ".de/", "de"),  # another form of the prompt
        (DECODER, "^fg<bnde", ".....de/", "de"),  # an earlier text before it
        (CTC, "", "de..", "de"),
        (CTC, "", "de", "d?e"),  # a letter that the vocabulary lacks
    ],
)
def test_forms_of_labels_that_are_right(rules, read, learned, text):
    parts = check_clip(utterance("1", text=text), clip(read, learned), rules)
    assert rules.text(parts.text) == "de"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("rules", "read", "learned", "message"),
    [
        (DECODER, "^fgbnde", "....de/", "prompt: expected one < .* got 0: '.fgbnde'"),
        (DECODER, "fg<bnde", "....de/", "not learned: expected '<bn' or '<b', got 'fg<bn'"),
        (DECODER, "^fg<bnde", ".g<bnde/", r"not learned: expected .*, got '\^f'"),
        (DECODER, "<bn/e", "..de/", "token 1 .* expected 'd', the label before it, got '/'"),
        (CTC, "", "de__", "no padding and no blank, got the tokens .0, 0."),
        (CTC, "", "d.e", "every token of the transcript to be learned, got 'd…e'"),
        (CTC, "", "df", "the text 'de', got 'df'"),
    ],
)
def test_forms_of_labels_that_are_wrong(rules, read, learned, message):
    with pytest.raises(InputError, match=rf"^xx/1: .*{message}"):
        check_clip(utterance("1", text="de"), clip(read, learned), rules)


@pytest.mark.unit
def test_token_dropout_may_hide_tokens_where_it_is_on():
    parts = check_clip(utterance("1", text="de"), clip("<bn/e", "..de/"), DECODER, dropout=True)
    assert parts.prompt == [1, 5, 4]


@pytest.mark.unit
def test_a_transcript_that_spells_the_start_token_is_a_fault():
    with pytest.raises(InputError, match=r"expected one < among .* got 2: '<bnd<e'"):
        check_clip(utterance("1", text="d<e"), clip("<bnd<e", "..d<e/"), DECODER)


@pytest.mark.unit
def test_with_token_dropout_no_other_token_is_read():
    with pytest.raises(InputError, match="expected 'd', the label before it, got 'f'"):
        check_clip(utterance("1", text="de"), clip("<bnfe", "..de/"), DECODER, dropout=True)
