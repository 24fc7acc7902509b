"""A Whisper in torch: loaded, encoded, decoded greedily, saved."""
