"""The projector: from stacked encoder frames to embeddings of the language model."""

import torch
from torch import nn

EPSILON = 1e-6  # of the norms; the default, that of the data type, differs between precisions


def stack_frames(frames: torch.Tensor, stack: int) -> torch.Tensor:
    """Join each ``stack`` neighbouring frames into one longer frame.

    With encoder frames of 20 ms, a stack of 5 gives the language model an embedding each 100 ms.
    Frames at the end that fill no stack are dropped, as in SLAM-LLM's ``EncoderProjectorConcat``.

    Args:
        frames: encoder output, shape (batch, num_frames, encoder_width).
        stack: frames in a stack.

    Returns:
        Shape (batch, num_frames // stack, encoder_width * stack).
    """
    batch, num_frames, width = frames.shape
    num_stacks = num_frames // stack
    return frames[:, : num_stacks * stack].reshape(batch, num_stacks, stack * width)


class Projector(nn.Module):
    """Two linear layers with GELU between, each with an RMSNorm behind it.

    The second norm's gain starts at the size of the language model's embeddings, 0.13 in SmolLM2.
    Frames ten times as large as any word would drown the prompt.
    """

    def __init__(self, encoder_width: int, stack: int, width: int, embedding_width: int) -> None:
        super().__init__()
        self.stack = stack
        self.linear_in = nn.Linear(encoder_width * stack, width, bias=False)
        self.norm_in = nn.RMSNorm(width, EPSILON)
        self.linear_out = nn.Linear(width, embedding_width, bias=False)
        self.norm_out = nn.RMSNorm(embedding_width, EPSILON)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Project (batch, num_frames, encoder_width) to (batch, num_stacks, embedding_width)."""
        kind = self.norm_in.weight.dtype  # under bf16 the layers return another, in which norms err
        hidden = self.norm_in(self.linear_in(stack_frames(frames, self.stack)).to(kind))
        hidden = self.linear_out(nn.functional.gelu(hidden))
        return self.norm_out(hidden.to(kind))  # type: ignore[no-any-return]


def new_projector(
    encoder_width: int, stack: int, width: int, embeddings: torch.Tensor, seed: int
) -> Projector:
    """A projector with random weights, whose output is as large as the ``embeddings``."""
    generator = torch.Generator().manual_seed(seed)
    projector = Projector(encoder_width, stack, width, embeddings.shape[1])
    with torch.no_grad():
        for linear in (projector.linear_in, projector.linear_out):
            nn.init.normal_(linear.weight, 0.0, linear.in_features**-0.5, generator=generator)
        projector.norm_out.weight.fill_(float(embeddings.float().square().mean().sqrt()))
    return projector
