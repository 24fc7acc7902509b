"""How a model of any family is tuned: stage train."""
