"""Download recordings with their licenses from the web, as a corpus."""
