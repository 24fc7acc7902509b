"""Read a corpus in its source's own layout: recordings and the tables that describe them."""
