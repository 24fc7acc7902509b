"""Any audio file to a waveform."""
