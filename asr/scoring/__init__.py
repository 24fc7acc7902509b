"""How many errors, and how sure that is: stages score and compare."""
