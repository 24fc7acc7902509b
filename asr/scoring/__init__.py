"""Stages score and compare: error rates, and confidence intervals of their differences."""
