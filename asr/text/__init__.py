"""Text without any audio: scripts, letters, sentences, cleaning, error rates."""
