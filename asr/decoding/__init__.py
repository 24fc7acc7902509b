"""How a test set is transcribed by a model of any family: stage transcribe."""
