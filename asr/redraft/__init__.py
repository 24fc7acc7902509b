"""Command redraft: pending clips of a database or label tool get drafts of a new model."""
