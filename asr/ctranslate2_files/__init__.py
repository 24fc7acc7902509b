"""A Whisper in the files of CTranslate2, for every family that has a part of it."""
