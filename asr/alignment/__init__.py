"""Which stretch of a long recording says which words."""
