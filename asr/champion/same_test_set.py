"""Refuse to compare hypotheses of different utterances or references, or by different normalizers.

The difference of such error rates says nothing of the models.
"""

from collections.abc import Iterator, Mapping, Sequence

from asr.core.errors import InputError
from asr.utterances.utterance import Utterance


def check_same_test_set(
    ours: Sequence[Utterance], theirs: Sequence[Utterance], our_name: str, their_name: str
) -> None:
    """Check that both have the same utterances, with the same audio, language and reference.

    Raises:
        InputError: with all that differs, each with a count, the first id and both values.
    """
    if found := list(_differences(ours, theirs, our_name, their_name)):
        raise InputError(
            f"{their_name} can't be compared with {our_name}, the test sets differ: "
            f"{'; '.join(found)}"
        )


def check_same_normalizers(
    ours: Mapping[str, str], theirs: Mapping[str, str], our_name: str, their_name: str
) -> None:
    """Check that two scores have the same normalizers.

    Raises:
        InputError: with each language whose normalizer or its version differs.
    """
    found = [
        f"{language}: {theirs.get(language)} in {their_name}, {ours.get(language)} in {our_name}"
        for language in sorted(ours.keys() | theirs.keys())
        if ours.get(language) != theirs.get(language)
    ]
    if found:
        raise InputError(
            f"{their_name} can't be compared with {our_name}, the normalizers differ: "
            f"{'; '.join(found)}"
        )


def _differences(
    ours: Sequence[Utterance], theirs: Sequence[Utterance], our_name: str, their_name: str
) -> Iterator[str]:
    our_ones, their_ones = ({one.id: one for one in some} for some in (ours, theirs))
    for some, others, name, other in (
        (our_ones, their_ones, our_name, their_name),
        (their_ones, our_ones, their_name, our_name),
    ):
        if missing := sorted(some.keys() - others.keys()):
            yield f"{len(missing)} utterances of {name} are not in {other}, first {missing[0]!r}"
    shared = [(one, their_ones[one.id]) for one in ours if one.id in their_ones]
    for field, what in (("sha256", "audio"), ("language", "language"), ("text", "reference")):
        pairs = [(a, b) for a, b in shared if getattr(a, field) != getattr(b, field)]
        if pairs:
            a, b = pairs[0]
            yield (
                f"{len(pairs)} utterances have another {what}, first {a.id!r}: "
                f"{getattr(b, field)!r} in {their_name}, {getattr(a, field)!r} in {our_name}"
            )
