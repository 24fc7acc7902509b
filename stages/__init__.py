"""The scripts that DVC runs, one for each stage."""
