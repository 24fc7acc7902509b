"""Sources: fetch a corpus's files or a model's weights, wherever they are stored."""
