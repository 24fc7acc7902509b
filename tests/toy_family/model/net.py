import torch
from safetensors.torch import load_file, save_file
from torch import nn

from asr.families.toy.tokens import open_tokens
from asr.features.log_mel import log_mel
from asr.utterances.hypothesis import Hypothesis

NUM_MELS = 20


class Net(nn.Module):
    def __init__(self, width, num_tokens, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.ears = nn.Conv1d(NUM_MELS, width, 5, stride=2, padding=2)
        self.head = nn.Conv1d(width, num_tokens, 5, stride=2, padding=2)

    def forward(self, waveforms, context_s):
        mel = torch.from_numpy(log_mel(waveforms, round(context_s * 100), NUM_MELS))
        return self.head(nn.functional.gelu(self.ears(mel))).transpose(1, 2).log_softmax(-1)


def write(net, out):
    save_file(net.state_dict(), out / "net.safetensors")


def read(folder):
    tensors = load_file(folder / "net.safetensors")
    net = Net(len(tensors["ears.bias"]), len(tensors["head.bias"]), 0)
    net.load_state_dict(tensors)
    return net, open_tokens(folder)


@torch.no_grad()
def transcribe(net, letters, waveforms, utterances, context_s):
    hypotheses = []
    for utterance, scores in zip(utterances, net(waveforms, context_s), strict=True):
        path = scores.argmax(-1).unique_consecutive()
        hypotheses.append(
            Hypothesis(
                id=utterance.id,
                text=letters.text([int(i) for i in path if i]),
                num_tokens=len(path),
                mean_log_prob=round(float(scores.max(-1).values.mean()), 6),
                runaway=False,
            )
        )
    return hypotheses
