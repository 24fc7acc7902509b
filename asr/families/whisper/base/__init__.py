"""Whisper's weights as files: brought, checked, converted."""
