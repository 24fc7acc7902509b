from dataclasses import dataclass

import torch
from torch import nn

from asr.core.files import write_json
from asr.families.toy.model.net import read, transcribe, write
from asr.families.toy.tokens.frames import num_frames
from asr.training.labels import ClipLabels, LabelRules


@dataclass
class CtcBatch:
    waveforms: list
    context_s: float
    targets: list
    num_targets: int


class CtcLoss(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, batch):
        scores = self.net(batch.waveforms, batch.context_s).transpose(0, 1)
        heard = torch.tensor([num_frames(len(w) / 16_000) for w in batch.waveforms])
        lengths = torch.tensor([len(ids) for ids in batch.targets])
        targets = torch.tensor([i for ids in batch.targets for i in ids])
        return nn.functional.ctc_loss(scores, targets, heard, lengths, reduction="sum")


class Learner:
    long_context = None

    def __init__(self, base, own):
        self.network, self.letters = read(base)
        self.summed_loss = CtcLoss(self.network)
        self.weight_groups = {"ears": ["ears."], "head": ["head."]}
        self.rate_factors = {"head": own.head_rate}
        self.num_labels, self.max_labels = self.letters.num_labels, self.letters.max_labels

    def seconds(self, duration_s):
        return round(num_frames(duration_s) * 0.04 + 0.04, 2)

    def batch(self, waveforms, utterances, context_s, seeds, *, zeros):
        assert not zeros
        targets = [self.letters.ids(u.text) for u in utterances]
        return CtcBatch(waveforms, context_s, targets, sum(map(len, targets)))

    @property
    def label_rules(self):
        # Letters that the alphabet lacks are left out; 0 is CTC's blank.
        letters = self.letters
        return LabelRules(
            spell=str, text=letters.text, prompts=lambda language, _: [""],
            written=lambda text: letters.text(letters.ids(text)), never=frozenset({0}),
        )  # fmt: skip

    def clip_labels(self, batch):
        pairs = zip(batch.targets, batch.waveforms, strict=True)
        return [ClipLabels([], ids, torch.from_numpy(waveform)) for ids, waveform in pairs]

    def transcribe(self, waveforms, utterances, context_s, budgets):
        return transcribe(self.network, self.letters, waveforms, utterances, context_s)

    def save(self, out):
        write(self.network, out)
        write_json(out / "alphabet.json", self.letters.alphabet)
