"""Prepared data in the forms that other tools read."""
