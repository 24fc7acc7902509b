"""The library that stages and commands share."""
