"""How a Whisper transcribes: the engine that params choose."""
