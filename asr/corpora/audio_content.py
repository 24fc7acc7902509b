"""Tell audio from other files by their first bytes, since an ending may be unknown or missing.

What passes need not be decodable: `prepare` finds that out, and rejects a file with its reason.
"""

import re

HEAD_BYTES = 4096

# Files of these endings are never opened to look for audio in them.
_OTHER_ENDINGS = re.compile(
    r"\.(arrow|bib|c|cfg|cha|conf|csv|ctm|db|docx?|eaf|gif|gz|h5|html?|ini|ipynb|jpe?g|js|json|jsonl|"
    r"lab|lock|log|lrc|md|npy|npz|odt|parquet|pdf|pfsx|pickle|pkl|png|py|rst|rttm|scp|sh|sha256|"
    r"sqlite|srt|stm|svg|textgrid|tex|toml|tsv|txt|vtt|xlsx?|xml|ya?ml|zip)$",
    re.IGNORECASE,
)
_AUDIO = re.compile(
    rb"RIFF....(WAVE|AVI )|RF64....WAVE|FORM....AIF[FC]|fLaC|OggS|ID3|#!AMR|caff|\.snd|wvpk|MAC |"
    rb"NIST_1A|Creative Voice File|riff\x2e\x91|\x1a\x45\xdf\xa3|FLV\x01|\x00\x00\x01\xba|"
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11|"  # ASF: WMA and WMV
    rb"....(ftyp|moov|mdat|wide|free|skip)|"  # MP4, QuickTime, 3GP
    rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd][\x10-\xef].|"  # MPEG audio, layers 2 and 3
    rb"\xff[\xf0\xf1\xf8\xf9]|"  # AAC in ADTS
    rb"\x47.{187}\x47.{187}\x47",  # MPEG transport stream
    re.DOTALL,
)


def may_be_audio(name: str) -> bool:
    """Whether only the content can show if the file is audio.

    >>> may_be_audio("clip.3ga"), may_be_audio("clip"), may_be_audio("README.md")
    (True, True, False)
    """
    return not _OTHER_ENDINGS.search(name)


def may_hold_audio(name: str) -> bool:
    """Whether a file may be audio, or a table with audio in it."""
    return may_be_audio(name) or name.endswith(".parquet")


def starts_as_audio(head: bytes) -> bool:
    """Whether a file's first ``HEAD_BYTES`` are those of an audio or video container."""
    return bool(_AUDIO.match(head))
