"""A family for tests: two convolutions and CTC over letters. Copied to asr/families/toy."""
