"""Named groups of a model's weights, such as ``encoder.lower``; ``encoder`` means all of its own.

A family lists its groups: ``Trainee.weight_groups`` in ``asr/families/protocols.py``.
"""

from collections.abc import Iterable, Mapping, Sequence

from asr.core.errors import InputError


def is_in(group: str, name: str) -> bool:
    """Whether ``name`` means the group: it is its name, or the beginning of it up to a dot."""
    return group == name or group.startswith(f"{name}.")


def value_for(group: str, values: Mapping[str, float], default: float) -> float:
    """The value under the longest name that means the group; without one the default."""
    names = [name for name in values if is_in(group, name)]
    return values[max(names, key=len)] if names else default


def groups_of(weights: Iterable[str], weight_groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The group of each weight: the one with the longest prefix of the weight's name.

    Raises:
        InputError: if a weight is in none; names it.
    """
    groups = {prefix: group for group, prefixes in weight_groups.items() for prefix in prefixes}
    found = {}
    for weight in weights:
        if not (prefixes := [prefix for prefix in groups if weight.startswith(prefix)]):
            raise InputError(f"{weight}: expected a weight of one of {[*weight_groups]}, got none")
        found[weight] = groups[max(prefixes, key=len)]
    return found


def halves(name: str, prefix: str, num_layers: int) -> dict[str, list[str]]:
    """Two groups of an encoder: convolutions and lower half of the layers, and all above them.

    Args:
        name: of both; ``.lower`` and ``.upper`` are added.
        prefix: of the names of all weights of the encoder, with a dot at the end.
        num_layers: layers of the encoder; with an odd number the upper half has one more.
    """
    lower = [f"{prefix}layers.{number}." for number in range(num_layers // 2)]
    return {f"{name}.lower": [f"{prefix}conv", *lower], f"{name}.upper": [prefix]}
