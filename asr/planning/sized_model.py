"""A model to train in its real sizes that takes hardly any memory.

Its folder is made as the stage ``base`` makes it, but of weights with one or two layers a stack.
Then the values are dropped, and each stack gets all its layers. A model of 2 billion weights takes
as much memory as its embedding, and only for a moment.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch

from asr.core.errors import InputError
from asr.core.files import read_json, write_json
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.families.protocols import MakesVocabulary, Trainee, family_module
from asr.planning.without_values import WithoutValues, add_layers, remove_values, stacks
from asr.sources.local import local_path
from asr.sources.weights import HUB_IGNORED, Folder, Hub, fetch_weights, weights_of
from asr.training.params import TrainParams
from asr.utterances.utterance import Utterance

COUNTS = ("encoder_layers", "decoder_layers", "num_hidden_layers")  # keys of config.json
SMALL_FILES = ["*.json", "*.txt", "*.jinja", "*.model"]  # of a hub's folder, without weights
CPU = torch.device("cpu")


@dataclass(frozen=True)
class SizedModel:
    """A model folder with few layers.

    Attributes:
        folder: as the stage ``base`` writes it.
        layers: the real number of layers, by the number that a stack in ``folder`` has.
    """

    folder: Path
    layers: dict[int, int]


@dataclass(frozen=True)
class SizedTrainee:
    """A family's model to train, whose weights have no values.

    Attributes:
        trainee: builds real batches, and computes their loss inside ``mode``.
        mode: see ``WithoutValues``.
    """

    trainee: Trainee
    mode: WithoutValues


@contextmanager
def sized_model(family: str, block: Schema) -> Iterator[SizedModel]:
    """Make the folder of a model of ``conf/models.yaml``; it lives as long as the block.

    Of the hub's models only configs and tokenizers are downloaded, some MB.

    Raises:
        InputError: if they can't be, or are of no model of the family.
    """
    with tempfile.TemporaryDirectory() as name:
        scratch, numbers, layers = Path(name), count(1), dict[int, int]()
        weights = {}
        for field, source in weights_of(block).items():
            place = scratch / field
            place.mkdir()
            if isinstance(source, Hub):
                weights[field] = _few_layers(_small_files(source), place, numbers, layers)
            elif isinstance(source, Folder) and _is_network(local_path(source.path)):
                weights[field] = _few_layers(local_path(source.path), place, numbers, layers)
            else:
                weights[field] = fetch_weights(source, place)
        folder = scratch / "model"
        folder.mkdir()
        family_module(family, "base").bring_base(block, weights, folder)
        yield SizedModel(folder, layers)


def open_sized(
    model: SizedModel, family: str, train: TrainParams, own: Any, transcripts: Sequence[Utterance]
) -> SizedTrainee:
    """Open the model as training does, and drop the values of its weights.

    Args:
        model: see ``sized_model``.
        family: its family.
        train: section ``train``.
        own: section ``<family>.train``.
        transcripts: of train, for a family that makes its vocabulary of them.

    Raises:
        InputError: as the family's ``open_trainee``.
    """
    trainee = family_module(family, "training").open_trainee(model.folder, CPU, train, own)
    if isinstance(trainee, MakesVocabulary):
        trainee.make_vocabulary(transcripts, transcripts[:0])
    mode = WithoutValues()
    remove_values(trainee.network, mode)
    for stack in list(stacks(trainee.network)):
        add_layers(stack, model.layers.get(len(stack), len(stack)), mode)
    return SizedTrainee(trainee, mode)


def _is_network(folder: Path) -> bool:
    path = folder / "config.json"
    return path.is_file() and bool(read_json(path).get("architectures"))


def _few_layers(source: Path, out: Path, numbers: Iterator[int], layers: dict[int, int]) -> Path:
    """Write a transformers folder whose stacks have few layers, of zeros.

    The stacks have 1, 2, 3 … layers, so that their number tells which stack one is.
    """
    import transformers

    for path in (one for pattern in SMALL_FILES for one in source.glob(pattern)):
        if not path.name.endswith(".index.json"):
            shutil.copyfile(path, out / path.name)
    path = out / "config.json"
    if not path.is_file():
        raise InputError(
            f"{source}: expected config.json, got {sorted(p.name for p in out.iterdir())}"
        )
    content = read_json(path)
    _cut(content, numbers, layers)
    write_json(path, content)
    names = content.get("architectures") or [None]
    network_class: Any = getattr(transformers, str(names[0]), None)
    if network_class is None:
        raise InputError(
            f"{source / 'config.json'}: architectures: no class of transformers, got {names}"
        )
    with torch.device("meta"):
        network = network_class(network_class.config_class.from_pretrained(out))
    network.to_empty(device="cpu")
    network.tie_weights()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.zero_()
    network.save_pretrained(out)
    # In place of the one that save_pretrained makes up; without the heads of layers that are gone.
    generation = source / "generation_config.json"
    if generation.is_file():
        values = {k: v for k, v in read_json(generation).items() if k != "alignment_heads"}
        write_json(out / generation.name, values)
    return out


def _cut(config: dict[str, Any], numbers: Iterator[int], layers: dict[int, int]) -> None:
    """Lower the numbers of layers in a config and those inside it."""
    keys = [key for key in COUNTS if isinstance(config.get(key), int)]
    if "encoder_layers" in keys and "num_hidden_layers" in keys:
        keys.remove("num_hidden_layers")  # the same again
    for key in keys:
        if config[key] > (few := next(numbers)):
            layers[few], config[key] = config[key], few
        if key == "encoder_layers" and "num_hidden_layers" in config:
            config["num_hidden_layers"] = config[key]
        if isinstance(types := config.get("layer_types"), list):
            config["layer_types"] = types[: config[key]]
    for value in config.values():
        if isinstance(value, dict):
            _cut(value, numbers, layers)


def _small_files(weights: Hub) -> Path:
    from httpx2 import HTTPError  # huggingface_hub's client
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                weights.repo,
                revision=weights.revision,
                allow_patterns=SMALL_FILES,
                ignore_patterns=HUB_IGNORED,
            )
        )
    except (OSError, ValueError, HTTPError) as error:
        reason = hide_secrets(" ".join(str(error).split())) or type(error).__name__
        raise InputError(
            f"can't download the configs of {weights.repo} at {weights.revision} from the "
            f"hub: {reason}"
        ) from error
