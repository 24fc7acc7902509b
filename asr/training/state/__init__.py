"""State of a run on disk: checkpoints, their mirror, logs, unfinished runs."""
