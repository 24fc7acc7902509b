"""A corpus as its source has it: recordings, and the tables and files that name them."""
