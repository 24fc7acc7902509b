"""Command seeds: the same configuration under several seeds, and the spread of its scores."""
