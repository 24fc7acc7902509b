"""Encoder, projector and language model in torch: loaded, fed, decoded, saved."""
