"""The verbs that people run."""
