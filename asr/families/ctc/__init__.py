"""An encoder and one linear layer on it: CTC writes a letter, or a blank, at each frame.

wav2vec2, HuBERT, w2v-BERT 2.0 and Parakeet in transformers' own classes, and Whisper's encoder with
a new head. No decoder means no loop, no language token, and the fastest decoding of all families
(Graves et al., 2006). The letters are those of the training transcripts.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # mypy checks every role against its protocol
    from asr.families import protocols
    from asr.families.ctc import alignment, base, decoding, export, tokens, training, window

    _window: protocols.WindowRole = window
    _tokens: protocols.TokensRole = tokens
    _base: protocols.BaseRole = base
    _training: protocols.TrainingRole = training
    _decoding: protocols.DecodingRole = decoding
    _alignment: protocols.AlignmentRole = alignment
    _export: protocols.ExportRole = export
