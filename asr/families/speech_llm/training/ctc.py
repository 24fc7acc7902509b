"""A second loss on the projector alone: CTC over the language model's own embeddings.

From a random projector the language model first learns to write likely texts, and listens much
later: after 50 steps of 8 clips its loss was the same with another clip's audio. This loss asks
each frame of the projector to be near the embedding of the token that is spoken, or of a token that
stands for none, in the order of the transcript. It needs no layer of the language model, so a step
costs a tenth; after it, to transcribe is nearly to copy.
"""

from collections.abc import Sequence

import torch
from torch import nn

# Logit of a frame that equals an embedding; a random one has 0. With 49 152 tokens, whose
# exponentials add up to e^11, nothing below 11 can win.
SHARPNESS = 20.0


def ctc_loss(
    frames: torch.Tensor,
    lengths: Sequence[int],
    texts: Sequence[torch.Tensor],
    embeddings: torch.Tensor,
    blank: int,
) -> torch.Tensor:
    """Connectionist temporal classification (Graves et al., 2006), summed over clips.

    A clip with more tokens than frames counts 0: SmolLM2 needs more than ten tokens for a second
    of some Bulgarian clips, one in twelve.

    Args:
        frames: output of the projector, shape (batch, num_frames, width).
        lengths: frames of each clip.
        texts: tokens of each transcript.
        embeddings: of the language model, shape (vocab_size, width).
        blank: the token of frames in which none is spoken.

    Returns:
        A scalar, in float32.
    """
    table = embeddings.detach()
    sharpness = SHARPNESS / table.float().square().sum(1).mean()
    positions = torch.arange(frames.shape[1], device=frames.device)
    there = positions < torch.tensor(lengths, device=frames.device)[:, None]
    logits = (sharpness * (frames[there].to(table.dtype) @ table.T)).float()
    # Of the vocabulary only the tokens of this batch go on, and the sum of all others: PyTorch's
    # gradient is right only where probabilities add up to 1.
    first = torch.tensor([blank], device=frames.device)
    tokens, places = torch.unique(torch.cat([first, *texts]), return_inverse=True)
    others = logits.index_fill(1, tokens, -torch.inf).logsumexp(1, keepdim=True)
    scores = torch.cat([logits[:, tokens], others], dim=1).log_softmax(1)
    log_probs = scores.new_zeros(*there.shape, scores.shape[1])
    log_probs[there] = scores
    return nn.functional.ctc_loss(
        # On the CPU: MPS has no CTC, and CUDA's gradients differ from run to run.
        log_probs.transpose(0, 1).cpu(),
        places[1:].cpu(),
        torch.tensor(lengths),
        torch.tensor([len(text) for text in texts]),
        blank=int(places[0]),
        reduction="sum",
        zero_infinity=True,
    ).to(frames.device)
