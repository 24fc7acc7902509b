# python -m pytest tests/test_guards_on_models.py -m "integration or slow"
"""Guards on real models of random weights: what they write, detect, and learn by heart."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from asr.core.params import load_family_params, load_params
from asr.decoding.detection import WritesTimestamps, detect_languages, open_detector
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from asr.guards.clips.clip_set import write_clips
from asr.guards.decoding import Decoding, detect_clips, transcribe_clips
from asr.guards.kinds import SOUND, made_clip
from asr.guards.measure.memorised import measure_memorised
from asr.training.update import trainable
from tests.examples import tone, utterance
from tests.tiny_families import BY_NAME, CLIPS, ROOT, WHISPER, utterances

MACHINE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
PARAMS = ROOT / "params.yaml"


def decoding(family, model):
    role = family_module(family, "decoding")
    own = load_family_params(family, "decode", role.OwnParams, PARAMS)
    return Decoding(model, family, MACHINE, load_params("decode", DecodeParams, PARAMS), own)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """The folder of each family's smallest model."""
    made = {}

    def base(family):
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family) / "base"
            BY_NAME[family].write_base(made[family])
        return made[family]

    return base


def languages_named(family, model, language):
    how = decoding(family, model)
    detector = open_detector(family, model, how.machine, how.decode, how.own)
    return detect_languages(detector, CLIPS, utterances(language))


@pytest.mark.integration
def test_the_language_is_that_of_the_token_which_a_model_has_learned(bases, tmp_path):
    """Tuned on tones that are said to be Belarusian, a Whisper takes tones for Belarusian."""
    named = {one.language for one in languages_named("whisper", bases("whisper"), "be")}
    assert named - {None, "be"}, "random weights know no language"
    trainee = WHISPER.trainee(bases("whisper"))
    # The language token is part of the prompt, which is not learned: teach it here.
    network = trainee.network
    token = network.generation_config.lang_to_id["<|be|>"]
    with torch.no_grad():
        head = network.proj_out.weight
        others = [i for k, i in network.generation_config.lang_to_id.items() if i != token]
        head[others] = 0.0
        head[token] = network.model.decoder.layer_norm.bias * 0 + 1.0
        network.model.decoder.layer_norm.weight.zero_()
        network.model.decoder.layer_norm.bias.fill_(1.0)
    (tmp_path / "tuned").mkdir()
    trainee.save(tmp_path / "tuned")
    found = languages_named("whisper", tmp_path / "tuned", "be")
    assert [one.language for one in found] == ["be"] * 4
    assert [one.id for one in found] == [one.id for one in utterances("be")]


@pytest.mark.integration
def test_qwen3_asr_names_languages_or_none(bases):
    found = languages_named("qwen3_asr", bases("qwen3_asr"), "he")
    assert [one.language for one in found] == [None] * 4  # random weights write no name


@pytest.mark.parametrize(
    ("written", "own", "code"),
    [
        ("language Hebrew", "he", "he"),
        ("language Filipino", "tl", "tl"),  # two codes of one language
        ("language Russian", "be", "ru"),
        ("language Nowhere", "be", None),
        ("Добры дзень", "be", None),
    ],
)
def test_the_name_that_qwen3_asr_writes_becomes_a_code(written, own, code):
    from asr.families.qwen3_asr.decoding.detection import _code

    assert _code(written, own) == code


@pytest.mark.integration
@pytest.mark.parametrize("family", BY_NAME)
def test_every_family_decodes_the_clips_and_says_what_it_can(family, bases, tmp_path):
    sounds = [made_clip(SOUND, f"hum-{n}", tone(0.5), "be", "hum", {SOUND: "hum"}) for n in (1, 2)]
    clips = write_clips(sounds, tmp_path)
    how = decoding(family, bases(family))
    if family == "ctc":
        how = replace(how, decode=how.decode.model_copy(update={"num_beams": 1}))
    texts = transcribe_clips(how, tmp_path, clips, utterances("be"))
    assert [one.id for one in texts] == [one.id for one in clips]
    found = detect_clips(how, tmp_path, clips[:1], clips[1:])
    detector = open_detector(family, how.model, how.machine, how.decode, how.own)
    assert len(found) == bool(detector) + isinstance(detector, WritesTimestamps)
    assert (detector is None) == (family in ("ctc", "speech_llm"))
    if family == "whisper":
        assert found[1].timed is not None and found[1].language is None


TRUE = ("як гэта", "бор два")  # what low and high tones say
PLANTED = "лес мой"
NUM_STEPS = 150


def tones(offset):
    """Low and high tones in turn, six of each, a little different from those of another offset."""
    return [tone(0.5, hz=(300.0, 1500.0)[n % 2] + 10 * n + offset) for n in range(12)]


def learned(base: Path, texts):
    """Train on tones with these texts until dev is right, and transcribe other tones.

    As in the stage ``train``, the weights are those that are best on dev.
    """
    torch.manual_seed(1)
    trainee = WHISPER.trainee(base)
    them = [utterance(f"train{n}", text=text, duration_s=0.5) for n, text in enumerate(texts)]
    test = [utterance(f"test{n}", text=TRUE[n % 2], duration_s=0.5) for n in range(12)]
    weights = trainable(trainee.network)
    optimizer = torch.optim.AdamW(weights.values(), lr=3e-3, weight_decay=0.0)
    seconds = trainee.seconds(0.5)
    for step in range(1, NUM_STEPS + 1):
        batch = trainee.batch(tones(0.0), them, seconds, None, zeros=False)
        loss = trainee.summed_loss(batch) / batch.num_targets
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimizer.step()
        if step % 10 == 0:
            dev = trainee.transcribe(tones(7.0), test, seconds, [40] * 12)
            if all(one.text == two.text for one, two in zip(dev, test, strict=True)):
                break
    found = trainee.transcribe(tones(4.0), test, seconds, [40] * 12)
    measured = measure_memorised(test, {one.id: one for one in found}, them, min_words=2)
    return [one.text for one in found], measured


@pytest.mark.slow
def test_a_wrong_transcript_planted_in_training_does_not_come_back(bases):
    """One of six low tones has another's text; and, to see that the guard would find it, five."""
    right = [TRUE[n % 2] for n in range(12)]
    once = [PLANTED if n == 4 else text for n, text in enumerate(right)]
    texts, measured = learned(bases("whisper"), once)
    assert texts == right
    assert measured["share"] == 0.0
    often = [PLANTED if n % 2 == 0 and n != 4 else text for n, text in enumerate(right)]
    texts, measured = learned(bases("whisper"), often)
    assert PLANTED in texts
    assert measured["share"] > 0.2
    assert {one["text"] for one in measured["examples"]} == {PLANTED}
    assert all(one["train_id"].startswith("xx/train") for one in measured["examples"])
