"""The network in torch, for training and decoding."""
