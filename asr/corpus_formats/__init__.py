"""Corpus formats, one file each: ``asr.corpora.formats`` says what each offers, and finds it."""
