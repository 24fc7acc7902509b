"""What stages hand on to each other: utterances, waveforms, shards, hypotheses."""
