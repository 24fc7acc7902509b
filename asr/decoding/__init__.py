"""Stage transcribe: decode a test set with a model of any family."""
