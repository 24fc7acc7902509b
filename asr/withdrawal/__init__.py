"""Recordings that may not be used any more: found everywhere, removed, proven gone."""
