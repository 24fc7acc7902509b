"""Fetch and prepare a corpus with and without stored files, and what came of it."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from asr.corpora.params import Corpus as CorpusLine
from asr.corpora.raw_folder import read_provenance
from asr.corpora.withdrawn import read_recordings
from asr.preparation.corpus import Corpus, Outs, prepare_corpus
from asr.preparation.reuse import default_folder, preparation_cache
from asr.preparation.streaming import SPOOL, prepare_streamed
from asr.sources.corpus_source import Source
from asr.sources.fetching import fetch_corpus
from asr.workers.workers import Workers
from tests.examples import tone, wav
from tests.test_preparation import PARAMS
from tests.web_server import LIMITS

ROOT = Path(__file__).parents[1]
RAW = Path("data/raw/xx")
SERIAL = Workers("serial")
SPOOLED = default_folder("xx") / SPOOL
BESIDE = (("rejects", "csv"), ("inventory", "csv"), ("validation", "json"))


class Lab:
    """A corpus ``xx`` of a source, in the working folder."""

    def __init__(self, block, form, **line):
        self.source = TypeAdapter(Source).validate_python(block)
        whole = {"format": form, "language": "hr", "source": "mine"} | line
        self.line = CorpusLine.model_validate(whole)

    def fetch(self):
        fetch_corpus("xx", self.line, self.source, LIMITS, RAW)

    def prepare(self, workers=SERIAL, **params):
        corpus = Corpus("xx", "hr", read_provenance(RAW))
        changed = PARAMS.model_copy(update=params)
        outs = Outs(Path("data/prepared/xx"), *(Path("data", f"{p}/xx.{e}") for p, e in BESIDE))
        if self.line.keep_raw:
            with preparation_cache(default_folder("xx"), changed) as cache:
                found = read_recordings(RAW, self.line)
                prepare_corpus(corpus, found, changed, outs, workers, cache)
        else:
            prepare_streamed(corpus, self.line, self.source, RAW, changed, LIMITS, outs, workers)
        return written()


def written(folder=Path()):
    """The bytes of all that prepare wrote, by name."""
    data = folder / "data"
    files = [*data.glob("prepared/xx/*"), *(data / f"{p}/xx.{end}" for p, end in BESIDE)]
    return {path.relative_to(data).as_posix(): path.read_bytes() for path in files}


def write_repo(folder, block, form, **line):
    """Write params with the corpus and the block of its source, for stages and commands."""
    text = (ROOT / "params.yaml").read_text()
    corpora = text[text.index("corpora:") : text.index("test_sets:")]
    whole = {"format": form, "language": "hr", "source": "mine"} | line
    text = text.replace(corpora, f"corpora: {json.dumps({'xx': whole})}\n")
    text = text.replace("  shard_mb: 64 ", "  shard_mb: 1 ")
    (folder / "params.yaml").write_text(text)
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf/sources.yaml").write_text(json.dumps({"mine": block}))


def put(folder, files):
    """Write files by name."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def sounds(count, first=0):
    """Sounds of 0.8 s that all differ."""
    hertz = (200.0 + number for number in range(first, first + count))
    return [wav(tone(0.8, hz=hz), subtype="PCM_16") for hz in hertz]
