"""The scripts that people run by hand."""
