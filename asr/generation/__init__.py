"""Greedy search and beam search, over any autoregressive decoder with a cache."""
