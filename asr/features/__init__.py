"""Input of the models: log-mel spectrograms, and batches of like length."""
