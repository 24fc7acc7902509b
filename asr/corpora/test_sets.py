"""The further test sets of params.yaml, beside the split ``test``."""

from pathlib import Path

from pydantic import TypeAdapter

from asr.core.params import PARAMS, load_block
from asr.corpora.params import TestSetsParams

TEST = "test"  # the split


def test_set_names(params: Path = PARAMS) -> list[str]:
    """Their names, in the order of ``params.yaml``."""
    return list(load_block(params, ("test_sets",), TypeAdapter(TestSetsParams)))
