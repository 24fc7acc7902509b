"""CPU, GPU or MPS: which one, and whose turn it is."""
