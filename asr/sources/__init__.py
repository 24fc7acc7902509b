"""Where files come from: a corpus's recordings, a model's weights."""
