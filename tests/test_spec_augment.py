import torch

from asr.training.augmentation.spec_augment import spec_augment
from asr.training.params import SpecAugmentParams


def chances(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_hidden_stripes_are_silence_within_the_clip():
    torch.manual_seed(1)
    mel = torch.rand(3, 8, 20) + 1.0
    mel[:, 0, 0] = 0.0  # each clip's lowest value
    params = SpecAugmentParams(
        num_time_masks=1, max_time_share=0.5, num_mel_masks=0, max_mel_bins=0
    )
    masked = spec_augment(mel, [10, 10, 10], params, chances(1, 2, 3))
    hidden = masked != mel
    assert torch.all(masked[hidden] == 0.0)
    assert not hidden[:, :, 10:].any()  # the silence behind a clip is none of its time
    # Whole columns, 5 at most.
    columns = hidden[:, 1:].all(dim=1)
    assert torch.equal(columns, hidden[:, 1:].any(dim=1))
    assert int(columns.sum(dim=1).max()) <= 5


def test_same_seed_same_stripes_and_the_input_stays():
    mel = torch.rand(2, 8, 20)
    before = mel.clone()
    params = SpecAugmentParams(
        num_time_masks=2, max_time_share=0.3, num_mel_masks=2, max_mel_bins=3
    )
    first, again = (spec_augment(mel, [20, 20], params, chances(7, 8)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(mel, before)


def test_stripes_do_not_depend_on_the_company():
    mel = torch.rand(2, 8, 20)
    params = SpecAugmentParams(
        num_time_masks=2, max_time_share=0.3, num_mel_masks=2, max_mel_bins=3
    )
    together = spec_augment(mel, [20, 20], params, chances(7, 8))
    alone = spec_augment(mel[1:], [20], params, chances(8))
    assert torch.equal(together[1:], alone)


def test_no_stripes_no_change():
    mel = torch.rand(1, 8, 20)
    params = SpecAugmentParams(
        num_time_masks=0, max_time_share=0.0, num_mel_masks=0, max_mel_bins=0
    )
    assert torch.equal(spec_augment(mel, [20], params, chances(1)), mel)
