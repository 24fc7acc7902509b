"""Detect a file's format by its first bytes, because its name may be wrong."""

# Files that arrive in place of audio when a download, a copy or an export went wrong.
_NOT_AUDIO = (
    (b"version https://git-lfs", "a Git LFS pointer: the audio itself was never downloaded"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"MThd", "MIDI notes, which hold no sound"),
    (b"PAR1", "a Parquet file"),
)


def demuxer(audio: bytes) -> str | None:
    """Name of FFmpeg's demuxer for formats that libsndfile can't decode, None for others."""
    if audio[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    if audio.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"  # WebM too
    if audio.startswith(b"#!AMR"):
        return "amr"
    if audio.startswith(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")):
        return "asf"  # WMA
    if len(audio) > 1 and audio[0] == 0xFF and audio[1] & 0xF6 == 0xF0:
        return "aac"  # ADTS; MPEG layer 1 to 3 have other bits here
    return None


def looks_like(content: bytes) -> str:
    """Describe a file that no decoder can read, for the error message."""
    for beginning, description in _NOT_AUDIO:
        if content.startswith(beginning):
            return description
    head = content[:512]
    if not head.strip(b"\0"):
        return "zeros: a copy or download that failed"
    if (
        head.lstrip(b"\xef\xbb\xbf \t\r\n")[:9]
        .lower()
        .startswith((b"<!doctype", b"<html", b"<?xml"))
    ):
        return "a web page: a download that was answered with an error"
    try:
        # The cut at 512 bytes may split a multi-byte character.
        head.decode("utf-8", errors="strict" if len(content) <= len(head) else "ignore")
    except UnicodeDecodeError:
        return "no known kind"
    return "text" if not any(byte < 9 for byte in head) else "no known kind"
