# python -m pytest tests/test_ctc_pipeline.py    (a minute; two more with -m slow)
"""The family ctc through the whole pipeline: with a language model, and with each encoder."""

import pytest

from asr.core.files import read_json
from asr.utterances.utterance import read_manifest
from tests.pipeline_repo import experiments


@pytest.fixture
def repo(reproduced, tmp_path):
    """A clone in which the whole pipeline has run, with another family."""
    repo = reproduced.clone(tmp_path / "clone")
    repo.share_cache_of(reproduced)
    repo.run("dvc", "checkout")
    return repo


def run_experiment(repo, name, block, *values):
    chosen = ("model.family=ctc", f"model.name={block}", *values)
    repo.run("dvc", "exp", "run", "--name", name, *(word for one in chosen for word in ("-S", one)))


@pytest.mark.integration
def test_an_experiment_with_a_language_model_scores_with_and_without_it(repo):
    train = read_manifest(repo.folder / "data/manifests/train.jsonl")
    # A text in letters that the few transcripts have, and of which dev and test have no sentence.
    lines = [f"{one.text}\n" for one in train if one.language == "be"]
    (repo.folder / "conf/text/be.txt").write_text("".join(lines), encoding="utf-8")
    own_text_alone = ("lm.text.be=[]", "lm.text.bg=[]")
    run_experiment(repo, "lm", "tiny", "lm.weight=dev", *own_text_alone)
    shown = experiments(repo)["lm"]
    assert shown["params"]["params.yaml"]["data"]["lm"]["weight"] == "dev"
    scores = shown["metrics"]["metrics/score/tuned.json"]["data"]
    assert scores["groups"]["corpus be"]["wer"] > 0
    assert scores["num_unknown_letters"] >= 0
    assert scores["language_model"]["languages"]["be"]["wer_with"] > 0
    (text,) = read_json(repo.folder / "models/lm/lm.json")["languages"]["be"]["texts"]
    assert text["name"] == "conf/text/be.txt"
    assert text["num_words"] > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a busy machine needs a quarter of an hour
@pytest.mark.parametrize(
    "block", ["tiny_wav2vec2", "tiny_hubert", "tiny_w2v_bert", "tiny_parakeet"]
)
def test_each_encoder_goes_through_the_pipeline(repo, block):
    run_experiment(repo, "encoder", block, "decode.num_beams=1")
    found = experiments(repo)["encoder"]["metrics"]["metrics/score/tuned.json"]["data"]
    assert found["groups"]["overall"]["wer"] > 0
    assert (repo.folder / "models/tuned/vocab.json").is_file()
