"""Remove from transcripts what nobody said: Whisper's tokens, times, «[music]», «♪», points."""

import re
import unicodedata

# Whisper's tokens end in «|>», a tag begins with a letter: «<unk>», «</i>». A line's time is in
# square brackets; in angle brackets a time stands before a word in .lrc.
_TOKEN = re.compile(r"<\|[^|<>]*\|>")  # «<|0.00|>», «<|he|>», «<|endoftext|>»
_TIME = re.compile(r"<\d{1,3}:\d{2}(?:[.:]\d{1,3})?>")
_LONGEST_TIME = len("<000:00.000>")
_TAG_START = re.compile("/?[A-Za-z]")
_OPENING = {"]": "[", "}": "{", ">": "<"}
_NOTES = "♩♪♫♬"
_ANNOTATED = re.compile(f"[{_NOTES}\\[{{<]")

# Maqaf, paseq, sof pasuq and nun hafukha have codes among the points, but they separate words:
# without a space for the maqaf, «בית־ספר» would become one word.
_BETWEEN_WORDS = re.compile("[\u05be\u05c0\u05c3\u05c6]")
_POINTS = re.compile("[\u0591-\u05c7]")
_LETTER_AND_POINT = re.compile("[\ufb1d-\ufb4f]")  # one character for both: «\ufb2a»


def without_tokens(text: str) -> str:
    """Replace each of Whisper's tokens, such as ``<|he|>``, by a space."""
    return _TOKEN.sub(" ", text)


def without_annotations(text: str) -> str:
    """Remove text in square and curly brackets, tags, times, tokens and note signs.

    A text without any is returned unchanged, extra spaces included. Round brackets stay, because
    they may hold spoken words; so does an opening bracket that is never closed. Takes time linear
    in the length of the text, also where brackets are nested.
    """
    if not _ANNOTATED.search(text):
        return text
    kept = _Kept()
    for character in text:
        kept.add(character)
    cleaned = "".join(kept.characters)
    return text if not kept.found else " ".join(cleaned.split())


class _Kept:
    """The characters kept so far; a closing bracket drops all from its opening bracket on."""

    def __init__(self) -> None:
        self.characters: list[str] = []
        # Places in ``characters`` of each kind of bracket, of both opening and closing ones.
        self.places: dict[str, list[int]] = {opening: [] for opening in _OPENING.values()}
        self.bars: list[int] = []
        self.found = False

    def add(self, character: str) -> None:
        place = len(self.characters)
        self.characters.append(character)
        if character in _NOTES:
            self._drop_from(place)
        elif character in self.places:
            self.places[character].append(place)
        elif character == "|":
            self.bars.append(place)
        elif character in _OPENING:
            places = self.places[_OPENING[character]]
            innermost = places and self.characters[places[-1]] == _OPENING[character]
            if innermost and (character != ">" or self._is_tag(places[-1])):
                self._drop_from(places[-1])
            else:
                places.append(place)

    def _drop_from(self, start: int) -> None:
        self.found = True
        for places in (*self.places.values(), self.bars):
            while places and places[-1] >= start:
                places.pop()
        self.characters[start:] = " "

    def _is_tag(self, start: int) -> bool:
        """Whether ``<…>`` from ``start`` on is a tag, a token or a time; looks at its ends only."""
        end = len(self.characters) - 1
        if self.bars[-2:] == [start + 1, end - 1]:
            return True
        if end - start < _LONGEST_TIME and _TIME.fullmatch("".join(self.characters[start:])):
            return True
        return _TAG_START.match("".join(self.characters[start + 1 : start + 3])) is not None


def without_points(text: str) -> str:
    """Remove niqqud and cantillation (U+0591 to U+05C7); a maqaf and the like become a space."""
    apart = _LETTER_AND_POINT.sub(lambda one: unicodedata.normalize("NFKD", one[0]), text)
    return _POINTS.sub("", _BETWEEN_WORDS.sub(" ", apart))
