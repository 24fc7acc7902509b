"""Command predict: transcribe the audio of a manifest, with or without references."""
