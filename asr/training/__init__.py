"""Stage train: tune a model of any family."""
