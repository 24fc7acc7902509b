"""The nouns that stages and commands share."""
