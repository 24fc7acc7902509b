"""A language model from text: the words of a language, n-grams of words and of letters."""
