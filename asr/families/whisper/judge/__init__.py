"""What a Whisper says of transcripts it did not train on."""
