"""Stage champion, and ``commands.scores --compare``: what another model made of the test set."""
