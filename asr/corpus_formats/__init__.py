"""Corpus formats, one module each; ``asr.corpora.formats`` documents and imports them."""
