"""What networks of several families share: an encoder, and how they are loaded and saved."""
