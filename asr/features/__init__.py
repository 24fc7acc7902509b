"""What every model hears: log-mel spectrograms, contexts, batches of like length."""
