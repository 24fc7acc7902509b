"""How a Whisper learns: its batch, its loss, what of it is trained."""
