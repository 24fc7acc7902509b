"""Checks of machine and repository, a function each, for ``python -m commands.doctor``."""
