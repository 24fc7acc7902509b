"""Whisper's encoder in CTranslate2, which decodes on a CPU without torch."""
