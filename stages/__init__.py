"""The verbs that DVC runs: one script a stage."""
