"""What is changed of a clip before a model hears it."""
