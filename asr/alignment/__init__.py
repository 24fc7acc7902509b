"""Align the words of a long transcript with stretches of its recording."""
