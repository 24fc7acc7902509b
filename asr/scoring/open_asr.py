"""Score as the Open ASR Leaderboard does, so that a figure can be laid beside its figures.

github.com/huggingface/open_asr_leaderboard (Apache-2.0) at commit d1e99b25, August 2026: its folder
``normalizer``. English has the leaderboard's own normalizer, which grew out of OpenAI's; the rules
below are the difference. Any other language has its multilingual one, which writes digits as words;
it is made for German, French, Italian, Spanish and Portuguese, and replaces marks by spaces, so it
breaks Hebrew with points and the scripts of India. kaldialign then counts, as there: «white paper»
and «whitepaper» are equal, in both directions.

One thing differs: the leaderboard drops references that become empty; here they count, as in every
score. ``num_empty_references`` beside the figure says whether there are any.
"""

import re
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import cache, reduce
from importlib.metadata import version
from typing import Any

from kaldialign import edit_distance
from num2words import CONVERTER_CLASSES, num2words

from asr.scoring.normalizers.english import copied_normalizer
from asr.text.error_rate import ErrorCounts

ID = (
    f"open_asr-1/leaderboard-d1e99b25/whisper-normalizer-{version('whisper-normalizer')}/"
    f"num2words-{version('num2words')}/kaldialign-{version('kaldialign')}"
)

_FILLERS = r"\b(hmm|mm|mhm|mmm|uh|um|ah|aha|ahh|ahm|eh|ehehe|em|hm|huh|hum|mhum|uhm|umm|uhuh)\b"
_CONTRACTED_IS = r"\b(it|he|she|what|that|who|here|there|how|when|where|why|this)'s\b"
_SPELLINGS = {
    "archaeological": "archeological", "archaeology": "archeology", "cancellation": "cancelation",
    "cancellations": "cancelations", "etcetera": "etc", "flyer": "flier", "kay": "okay",
    "mm": "hmm", "ok": "okay", "pummelled": "pummeled", "pummelling": "pummeling",
    "snowploughs": "snowplows", "travelogue": "travelog", "travelogues": "travelogs",
}  # fmt: skip
_NOT_SPELLED = ("archeological", "cancelation", "cancelations", "travelog", "travelogs")
_COMPOUNDS = {
    "et cetera": "etc", "al right": "alright", "all right": "alright", "how ever": "however",
    "wi fi": "wifi", "hi fi": "hifi", "lo fi": "lofi", "sci fi": "scifi", "e mail": "email",
    "e book": "ebook", "e commerce": "ecommerce", "x ray": "xray", "t shirt": "tshirt",
    "a m": "am", "p m": "pm", "o k": "okay",
}  # fmt: skip
_COMPOUND_PATTERNS = [
    (re.compile(rf"\b{words.replace(' ', chr(92) + 's+')}\b"), joined)
    for words, joined in _COMPOUNDS.items()
]
# The first name between two bars stands for all of them.
_NAME_GROUPS = """
allen alan allan | bridget bridgette | charlie charly charley | gary garry | greg gregg |
jackie jacky | joanne joann joane | kelly kellye kelli kelley | lily lilly | michael micheal |
michelle michele | molly mollie | philip phillip | sally sallie | stacy stacey stacie |
tracy tracey tracie | brett bret | carol carrol carole carroll | alison allison alyson |
russell russel | douglas douglass | dominic dominick | rob robb | chris kris |
christopher kristopher cristopher | christina kristina | kristin kristen | carl karl |
cathy kathy | catherine katherine kathryn catharine | eric erik erick |
karen caren caryn karin | caitlin katelyn kaitlyn kaitlin | nicole nikole | veronica veronika |
victor viktor | victoria viktoria | kevin kevan | patrick patrik | frederick frederik fredrick |
lucas lukas | anne ann | john jon | jonathan johnathan jonathon | sarah sara | matthew mathew |
nicholas nicolas | rachel rachael | rebecca rebekah | deborah devorah | teresa theresa |
susanne suzanne | anthony antony | martin martyn | dennis denis | lawrence laurence |
thomas tomas | toby tobey | mcarthur macarthur | mccartney macartney |
mccarthy macarthy maccarthy | mcdonald macdonald | mckay mackay | mckenzie mackenzie |
mcleod macleod | mclean maclean | mcmillan macmillan | mcintosh macintosh | mcintyre macintyre |
mcnamara macnamara | mcgowan macgowan |
mohammed mohamad mohamed mohammad muhammad muhamad muhammed mouhamed mouhamad mahomet |
fatima fatimah | yousef yusuf yusef | miriam myriam | rajiv rajeev | alfonso alphonso |
brian bryan | jeffrey geoffrey jeffery | jeff geoff | neil neal | sean shaun shawn |
shane shayne | steven stephen | tony toni | lee leigh | louis lewis | mark marc | megan meghan |
natalie nathalie | robin robyn | roger rodger | lindsay linsey lindsey |
zachary zackary zachery | zach zak | sherry sheri cheri sherrie | terry terri | laurie lori |
jamie jaime | jason jayson | leslie lesley | linda lynda | lynn lynne | gail gayle |
ronda rhonda | ivonne yvonne | stuart stewart | walter walther | simon symon | colin collin |
dylan dillon | aaron aron | arthur artur | henry henri | joseph josef | peter pieter
"""
_NAMES = {
    other: first for first, *others in map(str.split, _NAME_GROUPS.split("|")) for other in others
}


def normalize(text: str, language: str) -> str:
    """Normalize as the leaderboard does.

    Args:
        text: any Unicode.
        language: ISO 639 code.
    """
    if language == "en":
        return " ".join(_english()(text).split())
    return _multilingual(text, language)


def errors(reference: str, hypothesis: str, language: str) -> ErrorCounts:
    """Count word errors between two normalized texts; joined and parted compounds are equal."""
    words, decoded = reference.split(), hypothesis.split()
    if language != "en":
        words, decoded = _joined(words, decoded)
    found = edit_distance(words, decoded, merge_compounds=True)
    return ErrorCounts(len(words), found["sub"], found["del"], found["ins"])


@cache
def _english() -> Callable[[str], str]:
    normalizer: Any = copied_normalizer()  # an object with its rules as attributes
    normalizer.ignore_patterns = _FILLERS
    # The place of a rule decides: they apply one after another.
    normalizer.replacers = {
        _CONTRACTED_IS if pattern == r"'s\b" else pattern: r"\1 is" if pattern == r"'s\b" else to
        for pattern, to in normalizer.replacers.items()
    }
    numbers, spellings = normalizer.standardize_numbers, normalizer.standardize_spellings
    spellings.mapping = {
        word: to for word, to in spellings.mapping.items() if word not in _NOT_SPELLED
    } | _SPELLINGS
    normalizer.standardize_numbers = lambda text: numbers(_compounds_joined(text))
    normalizer.standardize_spellings = lambda text: _acronyms_joined(
        [_NAMES.get(word, word) for word in spellings(text).split()]
    )
    normalize: Callable[[str], str] = normalizer
    return normalize


def _compounds_joined(text: str) -> str:
    return reduce(lambda text, rule: rule[0].sub(rule[1], text), _COMPOUND_PATTERNS, text)


def _acronyms_joined(words: list[str]) -> str:
    """Join single letters and digits: «b b c» to «bbc»; two with an «a» or «i» stay."""
    joined: list[str] = []
    run: list[str] = []
    for word in [*words, ""]:  # the end ends a run
        if len(word) == 1 and word.isalnum():
            run.append(word)
            continue
        least = 3 if {"a", "i"} & set(run) else 2
        joined += ["".join(run)] if len(run) >= least else run
        run = []
        joined.append(word)
    return " ".join(joined[:-1])


def _multilingual(text: str, language: str) -> str:
    from whisper_normalizer.basic import BasicTextNormalizer

    text = re.sub(r"[^\w\s]", "", BasicTextNormalizer()(text))
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(\d)\s+(\d{3})\b", r"\1\2", text)  # «10 000»
    return re.sub(r"\d+", lambda number: _in_words(number[0], language), text)


@cache
def _in_words(digits: str, language: str) -> str:
    if language not in CONVERTER_CLASSES:
        return digits
    try:
        return str(num2words(int(digits), lang=language))
    except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):
        return digits  # too large a number, in most languages


def _joined(reference: list[str], hypothesis: list[str]) -> tuple[list[str], list[str]]:
    """Join the words of both sides where they differ in spaces alone."""
    words: list[str] = []
    decoded: list[str] = []
    matcher = SequenceMatcher(None, reference, hypothesis)
    for tag, a, b, c, d in matcher.get_opcodes():
        left, right = reference[a:b], hypothesis[c:d]
        same = tag != "equal" and "".join(left) == "".join(right)
        words += ["".join(left)] if same else left
        decoded += ["".join(right)] if same else right
    return words, decoded
