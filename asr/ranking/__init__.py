"""Command rank: which clips to correct first, and the CSV that label tools read."""
