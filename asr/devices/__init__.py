"""The device to compute on (CPU, GPU or MPS), and one GPU for each process."""
