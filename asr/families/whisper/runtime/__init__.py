"""A Whisper in CTranslate2, which decodes and judges on a CPU without torch."""
