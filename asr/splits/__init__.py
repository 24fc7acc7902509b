"""Split utterances into train, dev and test without leaks (stage ``split``)."""
