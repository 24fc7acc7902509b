"""Recordings of the web with their licenses, as a corpus."""
