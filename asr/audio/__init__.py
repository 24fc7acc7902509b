"""Decode any audio file to a waveform and find silence in it."""
