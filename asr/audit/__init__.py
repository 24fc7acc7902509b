"""What a model that did not train on a corpus says of its transcripts: stage audit."""
