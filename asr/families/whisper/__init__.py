"""Whisper: an encoder of log-mel frames and a decoder of text tokens (Radford et al., 2022)."""
