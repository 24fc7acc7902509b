"""The network, for training and decoding."""
