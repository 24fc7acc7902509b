# python -m pytest tests/test_language_model.py
"""A language model from text: what it reads, what it refuses, and what it changes in decoding."""

import math
from io import BytesIO
from itertools import repeat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.params import load_params
from asr.decoding.candidates import ListingEngine, transcribe_with_lm
from asr.language_model.build import build
from asr.language_model.hunspell import forms
from asr.language_model.leaks import LeakCheck
from asr.language_model.model import load_models
from asr.language_model.params import LmParams
from asr.language_model.rescore import NO_WEIGHTS, Weights, scored, tune
from asr.language_model.texts import Text, in_the_language, texts_of
from asr.language_model.words import DESCRIPTION, FORM, sentences_of, words_of
from asr.scoring.language_model import effect
from asr.scoring.normalizers import Normalizers
from asr.scoring.score import score_utterances
from asr.sources.params import FetchParams
from asr.utterances.hypothesis import Hypothesis
from tests.examples import utterance

ROOT = Path(__file__).parents[1]
PARAMS = load_params("lm", LmParams, ROOT / "params.yaml")
LIMITS = FetchParams(max_file_mb=100.0, max_url_s=10.0)
ONE_GRID = PARAMS.model_copy(update={"spelling": [0.0], "words": [0.0]})
NO_LEAKS = LeakCheck([], 0.8)
TRANSCRIPTS = ["Чорны кот.", "Белы кот!", "Чорная сабака", "Белая сабака і кот."]


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("«Аб’ект» — по-русски!", "be", ["аб'ект", "по", "русски"]),
        ("ЉУБАВ ljubav", "sr", ["ljubav", "ljubav"]),
        ("שָׁלוֹם", "he", ["שלום"]),
        ("Й и\u0306 25 %", "bg", ["й", "й", "25"]),
        ("…", "be", []),
    ],
)
def test_texts_and_hypotheses_take_one_form(text, language, words):
    assert words_of(text, language) == words


AFF = """SET UTF-8
PFX N Y 1
PFX N 0 не .
SFX A Y 3
SFX A 0 а [^ка]
SFX A а ы а
SFX A к ка к
SFX B N 1
SFX B 0 ся/A .
NEEDAFFIX !
FORBIDDENWORD *
"""


def test_forms_of_a_hunspell_dictionary():
    dic = "6\nрак/BN\nкот/AN\nрыба/A\nток/A po:noun\nбяз/B!\nкепска/*\n"
    found = list(forms(AFF.encode(), dic.encode(), "be"))
    assert found == [
        *("рак", "нерак", "ракся", "ракся" + "а"),  # not «неракся»: B says N
        *("кот", "некот", "кота", "некота"),  # a prefix goes with a suffix: both rules say Y
        *("рыба", "рыбы"),
        *("ток", "тока"),
        *("бязся", "бязсяа"),  # «бяз» alone needs an affix; «ся» takes another; «кепска» is none
    ]


def test_a_dictionary_in_another_encoding_than_it_says_is_refused():
    with pytest.raises(InputError, match="be: expected text in utf-8, as SET says"):
        list(forms(AFF.encode(), "1\nкот/A\n".encode("cp1251"), "be"))


def own_texts(folder, **contents):
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return PARAMS.model_copy(update={"folder": str(folder), "text": {}})


def test_ones_own_texts_are_files_in_a_folder(tmp_path):
    params = own_texts(tmp_path, be__txt="Адзін.\nДва".encode(), be_more__txt=b"x",
                       be__words__txt=b"y", bg__txt=b"z", README__md=b"be")  # fmt: skip
    found = {Path(text.name).name: text for text in texts_of("be", params, LIMITS)}
    assert {name: text.is_list for name, text in found.items()} == {
        "be.txt": False, "be.words.txt": True, "be_more.txt": False
    }  # fmt: skip
    assert list(found["be.txt"].lines) == ["Адзін.\n", "Два"]


def test_ones_own_sentences_are_read_before_lists_and_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/sources.yaml").write_text("words: {kind: folder, path: more, license: CC0-1.0}")
    Path("more").mkdir()
    Path("more/list.words.txt").write_text("w")
    params = own_texts(tmp_path, be__txt=b"x", be__words__txt=b"y", be_more__txt=b"z")
    params = params.model_copy(update={"text": {"be": ["words"]}})
    names = [Path(text.name).name for text in texts_of("be", params, LIMITS)]
    assert names == ["be.txt", "be_more.txt", "be.words.txt", "words: list.words.txt"]


def of_source(tmp_path, monkeypatch, name, content):
    """The texts of a source with one file."""
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    Path("conf/sources.yaml").write_text("home: {kind: folder, path: more, license: CC0-1.0}")
    Path("more").mkdir()
    Path("more", name).write_bytes(content)
    params = PARAMS.model_copy(update={"folder": "conf", "text": {"be": ["home"]}})
    return texts_of("be", params, LIMITS)


def parquet(**columns):
    sink = BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_rows_of_data_sets_of_the_hub_are_read(tmp_path, monkeypatch):
    content = parquet(id=[1, 2, 3], text=["Адзін. Два\nТры", None, "Кот"])
    (text,) = of_source(tmp_path, monkeypatch, "train-0.parquet", content)
    assert (text.name, text.is_list, text.license) == ("home: train-0.parquet", False, "CC0-1.0")
    lines = list(text.lines)
    assert lines == ["Адзін. Два\nТры", "Кот"]
    assert sentences_of(lines[0]) == ["Адзін.", "Два", "Тры"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1", r"home: a\.parquet: expected Parquet, got"),
        (
            "a.parquet",
            parquet(words=["x"]),
            r"a\.parquet: expected a column `text` of strings",
        ),
        ("a.parquet", parquet(text=[1]), r"a column `text` of strings, got .*'text': .*int64"),
        ("a.jsonl", b'{"text": "x"}\n{"text": 5}', r"a\.jsonl:2: expected .* a string `text`"),
        ("a.jsonl", b'["x"]', r"a\.jsonl:1: expected an object with"),
        ("a.csv", b"x", r"lm\.text\.be: expected \*\.txt, .* in the source home, got none"),
    ],
)
def test_a_source_without_text_is_refused(tmp_path, monkeypatch, name, content, message):
    with pytest.raises(InputError, match=message):
        for text in of_source(tmp_path, monkeypatch, name, content):
            list(text.lines)


def test_another_encoding_is_refused_with_its_line(tmp_path):
    params = own_texts(tmp_path, be__txt="кот\n".encode() + "кот\n".encode("cp1251"))
    (text,) = texts_of("be", params, LIMITS)
    with pytest.raises(InputError, match=r"be\.txt:2: expected UTF-8"):
        list(text.lines)


def test_a_text_without_line_ends_is_refused_before_it_is_in_memory(tmp_path):
    params = own_texts(tmp_path, be__txt=b"a\n" + b"b " * 600_000)
    (text,) = texts_of("be", params, LIMITS)
    with pytest.raises(InputError, match=r"be\.txt:2: expected .* a line of 1 MB or more"):
        list(text.lines)


def test_another_script_is_refused():
    text = Text("be.txt", "unknown", True, iter(["kot", "sabaka", "кот"]))
    with pytest.raises(InputError, match="got 67% of 3 in others, such as 'kot'"):
        in_the_language(text, "be", frozenset("кот"))


def test_an_empty_text_is_refused():
    with pytest.raises(InputError, match=r"be\.txt: expected text, got 1 lines without a word"):
        in_the_language(Text("be.txt", "unknown", False, iter(["…"])), "be", frozenset())


HELD_OUT = [utterance("1", text="Пасажырскія перавозкі."), utterance("2", text="Кот.")]


@pytest.mark.parametrize("line", ["пасажырскія ПЕРАВОЗКІ", "Пасажырскія перавозкіх."])
def test_a_sentence_of_dev_or_test_stops(line):
    with pytest.raises(InputError, match=r"a\.txt: .* line 2 '.*' is xx/1; remove"):
        list(LeakCheck(HELD_OUT, 0.8).passed(["Кот спіць.", line], "a.txt"))


@pytest.mark.parametrize("min_similarity", [0.8, 0])
def test_a_sentence_of_test_inside_a_paragraph_stops(min_similarity):
    held_out = [*HELD_OUT, utterance("3", text="Конь. Ходзіць літарай гэ.")]
    leaks = LeakCheck(held_out, min_similarity)
    for line, found in (
        ("Ідзе снег. Пасажырскія перавозкі! Кот спіць.", "'Пасажырскія перавозкі!' is xx/1"),
        ("Ідзе снег.\nХодзіць літарай гэ", "'Ходзіць літарай гэ' is xx/3"),
        ("Конь ходзіць літарай гэ", "is xx/3"),
    ):
        with pytest.raises(InputError, match=f"got 1 in lines 1 to 2: line 2 .*{found}"):
            list(leaks.passed(["Кот спіць.", line], "a.txt"))


def test_a_word_of_test_alone_is_no_leak():
    lines = ["Кот.", "Пасажырскія"]
    assert list(LeakCheck(HELD_OUT, 0.8).passed(lines, "a.txt")) == lines


def made(folder, texts=(), transcripts=TRANSCRIPTS, params=PARAMS):
    described = build("be", transcripts, iter(texts), NO_LEAKS, params, folder / "be")
    write_json(folder / DESCRIPTION, {"form": FORM, "languages": {"be": described}})
    return described


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    made(folder, [Text("list", "unknown", True, iter(["рыба", "рыбы", "рыбак"]))])
    return folder


def test_what_was_read_is_counted(folder):
    be = read_json(folder / DESCRIPTION)["languages"]["be"]
    assert be["num_transcripts"] == 4
    assert (be["num_words"], be["num_known_words"]) == (13, 10)
    assert be["texts"] == [{"name": "list", "license": "unknown", "is_list": True, "num_words": 3}]
    words = (folder / "be/words.arpa").read_text(encoding="utf-8")
    assert "белая сабака" in words
    assert words.count("рыбак") == 1  # a list says nothing about sentences


def test_reading_ends_at_max_words(tmp_path):
    endless = repeat("белы кот")
    params = PARAMS.model_copy(update={"max_words": 1000})
    described = made(tmp_path, [Text("long.txt", "unknown", False, endless)], params=params)
    assert described["num_words"] == 1000  # 10 of the transcripts, and 495 lines


def test_what_max_words_leaves_out_is_said_and_counted(tmp_path, capsys):
    params = PARAMS.model_copy(update={"max_words": 1000})
    texts = [Text("own.txt", "unknown", False, iter(["кот спіць"] * 400)),
             Text("list", "unknown", True, iter([f"рыба{letter}" for letter in "абвг"] * 300)),
             Text("more", "unknown", True, iter(["бык"]))]  # fmt: skip
    described = made(tmp_path, texts, params=params)
    assert [one["num_words"] for one in described["texts"]] == [800, 190, 0]
    said = capsys.readouterr().out
    assert "own.txt" not in said
    assert "lm: list: 190 words read, the rest not: lm.max_words is 1000" in said
    assert "lm: more: 0 words read" in said


def test_known_words_are_those_of_transcripts_and_lists(folder):
    model = load_models(folder, {"be": ["Купала"]})["be"]
    assert [model.score(text).unknown for text in ("Рыба, кот!", "рыпа", "Купала 25")] == [0, 1, 0]
    assert model.score("Купала і кот").hot == 1
    assert model.score("рыбы").spelling > model.score("рзбы").spelling
    assert all(math.isfinite(part) and part > -100 for part in
               (model.score("xyz").spelling, model.score("xyz").words))  # fmt: skip


def test_a_model_in_another_form_is_refused(folder, tmp_path):
    write_json(tmp_path / DESCRIPTION, {"form": "as is", "languages": {"be": {}}})
    with pytest.raises(InputError, match=r"expected words in the form .* got 'as is'"):
        load_models(tmp_path, {})


def hypotheses(name, *texts, runaway=()):
    return [
        Hypothesis(id=name, text=text, num_tokens=4, mean_log_prob=-0.1 * (1 + place),
                   runaway=text in runaway)
        for place, text in enumerate(texts)
    ]  # fmt: skip


def test_an_unknown_word_costs(folder):
    model = load_models(folder, {})["be"]
    found = scored(hypotheses("xx/1", "рыпа", "рыба", "рыбак"), model)
    assert found.best(NO_WEIGHTS) == 0
    assert found.best(Weights(unknown_word=0.39, spelling=0, words=0)) == 0
    assert found.best(Weights(unknown_word=0.41, spelling=0, words=0)) == 1


def test_without_weights_the_searchs_own_choice_stays(folder):
    model = load_models(folder, {})["be"]
    likelier = hypotheses("xx/1", "рыпа", "рыба")[::-1]
    assert scored(likelier, model).best(NO_WEIGHTS) == 0


def test_a_second_list_that_ran_away_too_does_not_replace_the_first():
    class Looping:
        num_workers, device = 1, "cpu"
        answers = iter(["адзін", "два", "тры"])

        def candidates(self, waveforms, utterances, context_s, budgets, num):
            text = next(self.answers)
            return [hypotheses(one.id, text, runaway=["адзін", "два"]) for one in utterances]

    listing = ListingEngine(Looping(), 5)
    texts = []
    for _ in range(3):
        transcribe(listing, [utterance("1")])
        texts.append(listing.lists["xx/1"][0].text)
    assert texts == ["адзін", "адзін", "тры"]


def test_a_loop_is_not_chosen(folder):
    model = load_models(folder, {})["be"]
    found = scored(hypotheses("xx/1", "рыпа", "рыба", runaway=["рыба"]), model)
    assert found.best(Weights(unknown_word=9, spelling=0, words=0)) == 0


def test_weights_are_those_that_are_best_on_dev(folder):
    model = load_models(folder, {})["be"]
    lists = {"xx/1": scored(hypotheses("xx/1", "рыпа", "рыба"), model)}
    tuned = tune([utterance("1", text="Рыба.")], lists, ONE_GRID, "be")
    assert tuned.weights == Weights(1, 0, 0)  # the least of the grid that helps
    assert (tuned.wer_without, tuned.wer_with) == (1.0, 0.0)


def test_what_only_harms_dev_is_not_used(folder):
    model = load_models(folder, {})["be"]
    lists = {"xx/1": scored(hypotheses("xx/1", "рыпа", "рыба"), model)}
    tuned = tune([utterance("1", text="Рыпа.")], lists, ONE_GRID, "be")
    assert tuned.weights == NO_WEIGHTS
    assert (tuned.wer_without, tuned.wer_with) == (0.0, 0.0)


def test_hot_words_work_even_if_dev_needs_no_language_model(folder):
    params = ONE_GRID.model_copy(update={"hot_words": {"be": ["Купала"]}})
    dev, test = [utterance("рыпа|рыба", text="Рыпа")], [utterance("купава|купала", text="?")]
    for some in (dev, []):
        found = transcribe_with_lm(Engine(), transcribe, test, some, folder, params)
        assert [one.text for one in found.hypotheses] == ["купала"]
    assert found.changes["languages"]["be"]["hot_word"] == 2.0


def test_without_hot_words_among_them_the_searchs_own_choice_stays(folder):
    model = load_models(folder, {"be": ["кот"]})["be"]
    only_hot = Weights(0, 0, 0, hot_word=2)
    likelier = hypotheses("xx/1", "рыпа", "рыба")[::-1]
    assert scored(likelier, model).best(only_hot) == 0
    looped = hypotheses("xx/1", "код", "кот", runaway=["кот"])
    assert scored(looped, model).best(only_hot) == 0
    assert scored(hypotheses("xx/1", "код", "кот"), model).best(only_hot) == 1


def test_hot_words_of_a_language_without_a_model_are_named(folder, capsys):
    params = ONE_GRID.model_copy(update={"hot_words": {"ru": ["Пушкин"]}})
    transcribe_with_lm(Engine(), transcribe, [], [], folder, params)
    assert "lm.hot_words: not used in ru: " in capsys.readouterr().out


class Engine:
    """Lists for each clip what its utterance's id says, ``a|b``, in the order of likelihood."""

    num_workers, device = 1, "cpu"

    def candidates(self, waveforms, utterances, context_s, budgets, num):
        return [hypotheses(one.id, *one.id.split("/")[1].split("|"))[:num] for one in utterances]


def transcribe(engine, some):
    return engine.transcribe([np.zeros(1)] * len(some), some, 1.0, [9] * len(some)), 0.5


def test_the_language_model_chooses_and_tells_what_it_changed(folder):
    test = [utterance(name, text="?") for name in ("рыпа|рыба", "кот|кит")]
    dev = [utterance("катт|кот", text="Кот")]
    found = transcribe_with_lm(Engine(), transcribe, test, dev, folder, ONE_GRID)
    assert [one.text for one in found.hypotheses] == ["рыба", "кот"]
    assert found.changes["changed"] == [{"id": "xx/рыпа|рыба", "without": "рыпа", "with": "рыба"}]
    assert found.changes["languages"]["be"]["dev_wer_with"] == 0.0


def test_without_dev_in_a_language_nothing_changes(folder):
    test = [utterance("рыпа|рыба", text="?")]
    found = transcribe_with_lm(Engine(), transcribe, test, [], folder, PARAMS)
    assert [one.text for one in found.hypotheses] == ["рыпа"]
    assert found.changes["changed"] == []


def test_an_engine_without_lists_is_refused():
    with pytest.raises(InputError, match=r"lm\.weight: expected none with object"):
        ListingEngine(object(), 5)


def test_words_gained_and_lost():
    one = utterance("1", text="Чорны кот і рыба")
    normalizers = Normalizers({"default": "spoken"})
    found = Hypothesis(id=one.id, text="чорны кот і рыбы", num_tokens=4, mean_log_prob=-1.0,
                       runaway=False)  # fmt: skip
    scores = score_utterances([one], {one.id: found}, Path("h"), normalizers, "as_is")
    changed = [{"id": one.id, "without": "чорны код і рыба", "with": found.text}]
    languages = {"be": {"unknown_word": 2.0}}
    result = effect(scores, {"languages": languages, "changed": changed}, normalizers)
    assert result["languages"]["be"] == {
        "unknown_word": 2.0, "wer_without": 0.25, "wer_with": 0.25,
        "num_changed": 1, "words_gained": 1, "words_lost": 1,
    }  # fmt: skip
    (example,) = result["examples"]
    assert (example["gained"], example["lost"]) == (["кот"], ["рыба"])
    with pytest.raises(InputError, match="'xx/2': changed by the language model, but not in"):
        effect(scores, {"languages": languages, "changed": [{**changed[0], "id": "xx/2"}]},
               normalizers)  # fmt: skip
