"""What outlives a process: checkpoints, their mirror, logs, unfinished runs."""
