"""Whisper's timestamp tokens, the last of its vocabulary."""

SECONDS_PER_TIMESTAMP = 0.02


def timestamp_tokens(count: int) -> list[str]:
    """The first ones: ``<|0.00|>``, ``<|0.02|>`` and so on."""
    return [f"<|{index * SECONDS_PER_TIMESTAMP:.2f}|>" for index in range(count)]
