"""Many random numbers at once, the same that ``random.Random`` draws one by one."""

import random

import numpy as np
import numpy.typing as npt

_WORDS = 624  # of the Mersenne Twister's state, which NumPy and Python share


def random_words(rng: random.Random, count: int) -> npt.NDArray[np.uint64]:
    """Draw ``count`` words of 32 bits from the state of ``rng``, which goes on after them."""
    version, state, gauss = rng.getstate()
    twister = np.random.MT19937()
    key, position = np.array(state[:_WORDS], np.uint32), state[_WORDS]
    twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
    words = twister.random_raw(count).astype(np.uint64)
    after = twister.state["state"]
    rng.setstate((version, (*after["key"].tolist(), int(after["pos"])), gauss))
    return words


def randoms(rng: random.Random, count: int) -> npt.NDArray[np.float64]:
    """``count`` times ``rng.random()``."""
    return floats(random_words(rng, 2 * count).reshape(count, 2))


def floats(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """What ``random()`` makes of each pair of words, shape (count, 2): 53 bits."""
    high, low = (words[:, 0] >> 5).astype(np.float64), (words[:, 1] >> 6).astype(np.float64)
    return (high * 2.0**26 + low) / 2.0**53


def bits63(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """What ``getrandbits(63)`` makes of each pair of words, shape (count, 2)."""
    return (words[:, 0] | (words[:, 1] >> 1) << 32).astype(np.int64)
