# python -m pytest tests/test_params.py
import re
import sys
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.core.params import load_corpora, load_corpus, load_params, load_seed, read_yaml
from asr.corpora.params import Corpus, TestSet
from asr.preparation.params import PrepareParams
from asr.training.params import TrainParams

PARAMS = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def edited(tmp_path):
    """A copy of params.yaml in which each pattern, a whole line's beginning, was replaced."""

    def edit(replacements):
        text = PARAMS.read_text()
        for pattern, replacement in replacements.items():
            text, count = re.subn(rf"^{pattern}", replacement, text, flags=re.MULTILINE)
            assert count == 1, pattern
        (tmp_path / "params.yaml").write_text(text)
        return tmp_path / "params.yaml"

    return edit


def test_the_repositorys_own_params_are_right():
    assert load_params("prepare", PrepareParams, PARAMS).max_chars_per_s > 0
    assert load_seed(PARAMS) >= 0
    for name in load_corpora(PARAMS):
        assert load_corpus(name, Corpus, PARAMS).source


def test_a_file_is_read_anew_and_nobody_changes_what_another_reads(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("values: [1]")
    read_yaml(path)["values"].append(2)
    assert read_yaml(path) == {"values": [1]}
    path.write_text("values: [3]")
    assert read_yaml(path) == {"values": [3]}


def test_all_faults_are_told_at_once_with_section_and_key(edited):
    path = edited(
        {
            "seed: .*": "sead: 1",
            "  min_duration_s:": "  min_durations_s:",
            "  dev_share: .*": "  dev_share: 2.0",
            "    scripts: .*": "    scripts: [Cyrillic, Cirillic]",
            "  num_beams: .*": "  num_beams: many",
        }
    )
    with pytest.raises(InputError) as caught:
        load_seed(path)
    lines = [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]
    assert lines == [
        "sead: unknown section",
        "seed: missing section",
        "prepare.min_duration_s: Field required, got " + lines[2].split(", got ")[1],
        "prepare.min_durations_s: Extra inputs are not permitted, got 0.3",
        "split.dev_share: Input should be less than 0.5, got 2.0",
        "decode.num_beams: Input should be a valid integer, got 'many'",
        "whisper.decode.scripts.1: expected a script's name in Unicode, got 'Cirillic'",
    ]


@pytest.mark.parametrize(
    ("line", "value", "message"),
    [
        ("weight", "1.0", r"lm\.weight: Input should be 'none' or 'dev', got 1\.0"),
        ("words", "[0.1, 0]", r"lm: .*expected words to ascend from 0 or more, got \[0\.1, 0"),
        ("hot_words", "{Belarusian: [Купала]}", r"lm\.hot_words\.Belarusian"),
    ],
)
def test_faults_of_the_language_models_section_are_named(edited, line, value, message):
    path = edited({f"  {line}: .*": f"  {line}: {value}"})
    with pytest.raises(InputError, match=message):
        load_seed(path)


BEAMS_OF_CTC = r"decode\.num_beams: expected 1 with ctc without ctc_beam_decoder \(pip install"


def test_a_package_that_decoding_needs_is_missed_before_training(edited, monkeypatch):
    for package in ("kaldingram", "ctc_beam_decoder"):
        monkeypatch.setitem(sys.modules, package, None)  # as if not installed
    load_seed(PARAMS)
    with pytest.raises(InputError, match=r"lm\.weight: expected none without kaldingram \(pip"):
        load_seed(edited({"  weight: .*": "  weight: dev"}))
    ctc = {"  family: whisper": "  family: ctc", "  name: base": "  name: tiny"}
    monkeypatch.chdir(edited(ctc).parent)
    with pytest.raises(InputError, match=BEAMS_OF_CTC):
        load_seed()
    edited(ctc | {"  num_beams: .*": "  num_beams: 1"})
    load_seed()


@pytest.mark.parametrize("written", ["1e-5", "1.0e-5", "0.00001", "1e-05"])
def test_scientific_notation_is_a_number(edited, written):
    """PyYAML takes 1e-5 for text, and `dvc exp run -S train.lr=1e-5` writes 1e-05."""
    path = edited({"  lr: .*": f"  lr: {written}"})
    assert load_params("train", TrainParams, path).lr == 1e-5


@pytest.mark.parametrize(
    ("corpora", "message"),
    [
        ("{}", "corpora: Dictionary should have at least 1 item"),
        ("{a b: {format: stamps, language: be, source: x}}", r"corpora\.a b.*String should match"),
        ("{be: {format: stamps, language: Klingo, source: x}}", r"corpora\.be\.language: "),
        ("{be: {format: ../x, language: be, source: x}}", r"corpora\.be\.format: "),
    ],
)
def test_faulty_corpora_are_named(edited, corpora, message):
    path = edited({r"corpora:.*\n(  .*\n)*": f"corpora: {corpora}\n"})
    with pytest.raises(InputError, match=message):
        load_seed(path)


def test_norwegian_is_no_boolean(edited):
    line = "corpora: {no: {format: stamps, language: no, source: x}}\n"
    path = edited({r"corpora:.*\n(  .*\n)*": line})
    assert load_corpus("no", Corpus, path).language == "no"


def test_an_unknown_corpus_is_named():
    with pytest.raises(InputError, match=r"corpora\.zz: no such corpus, there are \['be', "):
        load_corpus("zz", Corpus, PARAMS)


def test_a_test_set_is_a_corpus_that_is_only_scored(edited):
    line = "{format: jsonl, language: Belarusian, source: x, max_samples: 500}"
    path = edited({r"test_sets: \{\}": f"test_sets: {{fleurs: {line}}}"})
    assert load_corpus("fleurs", Corpus, path).format == "jsonl"  # as fetch and prepare read it
    found = load_corpus("fleurs", TestSet, path)
    assert (found.language, found.max_samples, found.on_leak, found.normalizer) == (
        "be", 500, "stop", None,
    )  # fmt: skip


def test_keys_of_a_test_set_are_refused_in_a_corpus(edited):
    line = "corpora: {be: {format: stamps, language: be, source: x, max_samples: 5}}\n"
    with pytest.raises(InputError, match=r"corpora\.be\.max_samples: Extra inputs"):
        load_seed(edited({r"corpora:.*\n(  .*\n)*": line}))


@pytest.mark.parametrize(
    ("test_sets", "message"),
    [
        ("{be: {format: stamps, language: be, source: x}}", "be: expected another name"),
        ("{dev: {format: stamps, language: be, source: x}}", "dev: expected another name"),
        ("{a: {format: stamps, language: ky, source: x}}", r"a\.language: expected one of Whisper"),
        ("{a: {format: stamps, language: be, source: x, replay: true}}", "replay: expected false"),
        ("{a: {format: stamps, language: be, source: x, on_leak: keep}}", r"a\.on_leak: "),
    ],
)
def test_faulty_test_sets_are_named(edited, test_sets, message):
    with pytest.raises(InputError, match=rf"params\.yaml: test_sets\.{message}|{message}"):
        load_seed(edited({r"test_sets: \{\}": f"test_sets: {test_sets}"}))


def test_what_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seed: [1\n")
    with pytest.raises(InputError, match=r"params\.yaml: expected YAML, got"):
        load_seed(path)
    path.write_text("just text\n")
    with pytest.raises(InputError, match=r"params\.yaml: expected sections .*got 'just text'"):
        load_seed(path)
    with pytest.raises(InputError, match=r"gone\.yaml: expected YAML, got .*No such file"):
        load_seed(tmp_path / "gone.yaml")


def test_cached_encoder_outputs_and_changing_audio_are_refused_together(edited):
    path = edited(
        {"    cache_encoder: false      #": "    cache_encoder: true      #"}
    )  # Whisper's
    with pytest.raises(InputError) as refused:
        load_params("train", TrainParams, path)
        load_params(
            "train",
            TrainParams,
            edited({"    cache_encoder: false      #": "    cache_encoder: true      #"}),
        )
    assert "whisper.train.cache_encoder: the encoder's outputs" in str(refused.value)
    for wanted in ("tune frozen_encoder", "join.share 0", "speed_change.most 0",
                   "spec_augment.num_time_masks 0"):  # fmt: skip
        assert f" train.{wanted}" in str(refused.value)
    assert "whisper.train.long_context.share 0" in str(refused.value)


def test_steps_of_clips_and_accumulated_batches_are_refused_together(edited):
    path = edited(
        {"  accumulation: 1": "  accumulation: 4", "  step_clips: 0": "  step_clips: 256"}
    )
    with pytest.raises(InputError, match="train: expected accumulation 1 with step_clips 256, got"):
        load_params("train", TrainParams, path)


def test_what_only_another_family_can_train_is_refused(edited):
    path = edited({"  tune: full": "  tune: projector"})
    with pytest.raises(InputError, match=r"train\.tune: expected full, .* got projector"):
        load_params("train", TrainParams, path)


def test_a_clip_may_be_as_long_as_the_family_takes(edited):
    path = edited({"  max_duration_s: 30.0": "  max_duration_s: 45.0"})
    expected = r"prepare.max_duration_s: expected at most 30, the longest clip .* whisper .* got 45"
    with pytest.raises(InputError, match=expected):
        load_seed(path)


def test_the_chosen_family_has_a_section_and_is_there(edited):
    with pytest.raises(
        InputError, match=r"model.family: no family 'wisper', there are \[.*'whisper'"
    ):
        load_seed(edited({"  family: whisper": "  family: wisper"}))
    with pytest.raises(
        InputError, match=r"whisper: expected sections \['train', 'decode'\], got 1"
    ):
        load_seed(edited({"whisper:.*": "whisper: 1\nwhisper_before:"}))


@pytest.fixture
def of_language(tmp_path, edited):
    """Params of one corpus in a language, beside a conf/models.yaml with the block of the model."""

    def made(language, weights="{kind: hub, repo: openai/whisper-base, revision: %s}", more=""):
        block = weights.replace("%s", "a" * 40)
        (tmp_path / "conf").mkdir(exist_ok=True)
        (tmp_path / "conf/models.yaml").write_text(
            f"whisper:\n  base:\n    weights: {block}\n{more}"
        )
        line = f"corpora: {{a: {{format: stamps, language: {language}, source: x}}}}\n"
        return edited({r"corpora:.*\n(  .*\n)*": line})

    return made


@pytest.mark.parametrize("language", ["be", "yue", "jv", "nb", "fil"])
def test_a_language_of_the_model_or_its_iso_spelling_is_taken(of_language, language):
    assert load_seed(of_language(language)) >= 0


def test_a_language_without_a_token_is_refused_before_anything_is_fetched(of_language):
    expected = (
        r"corpora\.a\.language: expected one of Whisper's af .* language_token: \{ky: …\} in the "
        r"model's block of conf/models\.yaml \(closest by family and script: kk, tt, ba\), got 'ky'"
    )
    with pytest.raises(InputError, match=expected):
        load_seed(of_language("ky"))
    assert load_seed(of_language("ky", more="    language_token: {ky: kk, bs: hr}\n")) >= 0


@pytest.mark.parametrize(
    ("tokens", "fault"),
    [
        (
            "{ku: xx}",
            r"\.ku: expected a language with a token of Whisper's, got xx; for ku, closest by "
            "family and script: fa, tg, ps",
        ),
        ("{ku: ckb}", r"\.ku: expected a language with a token of Whisper's, got ckb"),
        (
            "{bs: hr, hr: sr}",
            r"\.bs: expected a language that keeps its own token, got hr, which has that of sr",
        ),
        ("{kur: fa}", r"\.kur: expected the language's shortest code, ku, got kur"),
        ("{kurdish: fa}", r"\.kurdish.*: String should match pattern"),
    ],
)
def test_a_token_that_does_not_exist_is_refused(of_language, tokens, fault):
    with pytest.raises(InputError, match=r"whisper\.base.*language_token" + fault):
        load_seed(of_language("be", more=f"    language_token: {tokens}\n"))


def test_an_english_only_model_shares_no_token(of_language):
    for_english = "{kind: hub, repo: openai/whisper-base.en, revision: %s}"
    with pytest.raises(
        InputError, match=r"expected no language_token with an English-only Whisper, got .*'ku'"
    ):
        load_seed(of_language("en", for_english, more="    language_token: {ku: fa}\n"))


def test_english_only_weights_are_known_by_their_name_or_config(of_language, tmp_path):
    for_english = "{kind: hub, repo: openai/whisper-base.en, revision: %s}"
    expected = r"corpora\.a\.language: expected en with an English-only Whisper, got 'be'"
    with pytest.raises(InputError, match=expected):
        load_seed(of_language("be", for_english))
    assert load_seed(of_language("en", for_english)) >= 0
    (tmp_path / "own").mkdir()
    (tmp_path / "own/generation_config.json").write_text('{"is_multilingual": false}')
    with pytest.raises(InputError, match=expected):
        load_seed(of_language("be", f"{{kind: folder, path: {tmp_path / 'own'}}}"))
