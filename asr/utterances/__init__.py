"""The data that stages pass to each other: utterances, waveforms, shards, hypotheses."""
