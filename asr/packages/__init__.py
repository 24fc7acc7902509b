"""What is released: the package with its manifest and card, and where packages are published."""
