"""Export a tuned model in the formats of other tools, and check that each transcribes alike."""
