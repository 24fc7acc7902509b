"""Attention of the audio tower in windows of 8 s, all windows of a batch at once.

transformers packs all clips into one sequence and, without FlashAttention, calls attention once for
each window in a Python loop. Here the windows are rows of one call, and a mask hides the padding of
the shorter ones. The weights and the code of the layers stay transformers' own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface

NAME = "masked_windows"


@dataclass(frozen=True)
class Windows:
    """Where the positions of a packed sequence are in a table with a row for each window.

    Attributes:
        rows: the packed position at each place of the table, 0 for padding; shape (num_windows,
            longest).
        mask: false for padding; shape (num_windows, 1, 1, longest); None if there is none.
        places: the place in the flattened table of each packed position.
    """

    rows: torch.Tensor
    mask: torch.Tensor | None
    places: torch.Tensor


def windows_of(lengths: Sequence[int], longest: int, device: torch.device) -> Windows:
    """Cut packed clips into windows.

    Args:
        lengths: number of positions of each clip.
        longest: positions of a whole window.
        device: of the result.
    """
    starts, sizes, position = [], [], 0
    for length in lengths:
        for start in range(0, length, longest):
            starts.append(position + start)
            sizes.append(min(longest, length - start))
        position += length
    width = max(sizes)
    columns = torch.arange(width)
    inside = columns < torch.tensor(sizes)[:, None]
    rows = (torch.tensor(starts)[:, None] + columns).where(inside, 0)
    mask = None if bool(inside.all()) else inside[:, None, None].to(device)
    places = inside.flatten().nonzero().squeeze(1)
    return Windows(rows.to(device), mask, places.to(device))


def attend_in_windows(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    windows: Windows,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """An attention function of transformers; query, key, value (1, num_heads, length, size)."""

    def table(packed: torch.Tensor) -> torch.Tensor:
        return packed[0][:, windows.rows].transpose(0, 1)  # (num_windows, num_heads, longest, size)

    attended = nn.functional.scaled_dot_product_attention(
        table(query), table(key), table(value), windows.mask, dropout, scale=scaling
    )
    by_place = attended.transpose(1, 2).flatten(0, 1)
    return by_place[windows.places][None], None


AttentionInterface.register(NAME, attend_in_windows)
