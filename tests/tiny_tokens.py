"""What of a Whisper's folder says how many tokens a transcript has, without weights and torch."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from asr.core.files import write_json


def write_tokens(folder: Path, max_tokens: int = 448) -> Path:
    """A folder whose decoder has ``max_tokens`` positions; its tokenizer spells byte by byte."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    sizes = ("vocab_size", "num_mel_bins", "d_model", "encoder_layers", "decoder_layers",
             "encoder_attention_heads", "decoder_attention_heads")  # fmt: skip
    write_json(
        folder / "config.json", dict.fromkeys(sizes, 2) | {"max_target_positions": max_tokens}
    )
    ids = {"decoder_start_token_id": 257, "eos_token_id": 256, "no_timestamps_token_id": 258}
    write_json(folder / "generation_config.json", {**ids, "is_multilingual": True})
    return folder
