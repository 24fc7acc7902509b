"""Ratios against peers: one script a comparison, results as JSON beside it."""
