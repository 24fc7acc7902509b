"""The encoder of a Whisper, for every family that listens with it."""
