"""Export prepared utterances in the formats of other tools."""
