"""The models that the server has: which are there, and which are in memory.

Each is opened as ``commands.predict`` opens it. The memory that it takes is estimated by the files
of its weights, counted once for decoding and once for each other use, since every engine loads
weights of its own.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import Aligner
from asr.core.errors import InputError
from asr.core.files import read_json
from asr.core.params import load_family_params, load_params
from asr.decoding.detection import Detector, open_detector
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import Engine, family_module
from asr.prediction.model import family_of, model_folder
from asr.preparation.params import PrepareParams
from asr.serving.errors import ApiError
from asr.serving.logs import log_not_loaded
from asr.serving.params import ModelsParams

BASE = Path("models/base")
SCORES = Path("metrics/score")
MANIFEST = "run_manifest.json"  # of a package
OWN = "own"  # the export there that is the tuned model's own folder
WEIGHTS = ("*.safetensors", "*.bin")
GB = 1_000_000_000
T = TypeVar("T")


@dataclass(frozen=True)
class FoundModel:
    """A model that requests can name.

    Attributes:
        name: of its folder.
        folder: with its files.
        family: by its files, else ``model.family``.
        decode: section ``decode``, with the values of ``models.decode``.
        own: section ``<family>.decode``.
        machine: section ``machine``.
        align: section ``align``.
        longest_s: of a piece, in seconds: the family's window, or ``prepare.max_duration_s``.
        modified_s: when the folder was changed, as Unix time; a training may remove the folder
            while its model is in memory.
    """

    name: str
    folder: Path
    family: str
    decode: DecodeParams
    own: Any
    machine: MachineParams
    align: AlignParams
    longest_s: float
    modified_s: float

    @cached_property
    def weights_bytes(self) -> int:
        """Of the files of weights; a package has further exports of the model, in folders."""
        manifest = self.folder / MANIFEST
        files = {file for pattern in WEIGHTS for file in self.folder.rglob(pattern)}
        if manifest.is_file():
            exports = read_json(manifest).get("exports", {}).get("formats", {})
            # The model itself has folders too where no class of transformers can load it.
            own = {self.folder / name for name in exports.get(OWN, {}).get("files", ())}
            files = {file for file in files if file.parent == self.folder or file in own}
        return sum(file.stat().st_size for file in files)

    @property
    def names_language(self) -> bool:
        """Whether models of the family can name the language of a clip."""
        return hasattr(family_module(self.family, "decoding"), "open_detector")

    def scores(self) -> dict[str, Any]:
        """WER and CER on the test set, overall and by language; ``{}`` if nobody measured them.

        Those of a folder are in ``metrics/score``, those of a package in its manifest.
        """
        manifest, metrics = self.folder / MANIFEST, SCORES / f"{self.name}.json"
        if manifest.is_file():
            scores = read_json(manifest).get("scores", {})
            return {"overall": {rate: scores["test"][rate]["tuned"] for rate in ("wer", "cer")}}
        groups = read_json(metrics)["groups"] if metrics.is_file() else {}
        return {
            name.removeprefix("language "): {"wer": group["wer"], "cer": group["cer"]}
            for name, group in groups.items()
            if name == "overall" or name.startswith("language ")
        }


def find_models(params: ModelsParams) -> dict[str, FoundModel]:
    """The models of ``models.folders`` and ``models.packages``, by name; the first comes first.

    Raises:
        InputError: if there is none, or one is too large for ``models.max_gb``.
    """
    folders = [Path(name) for name in params.folders]
    if params.packages:
        folders += sorted(Path(params.packages).glob("*"))
    section = load_params("decode", DecodeParams)
    decode = DecodeParams.model_validate({**section.model_dump(), **params.decode})
    machine, align = load_params("machine", MachineParams), load_params("align", AlignParams)
    longest_s = load_params("prepare", PrepareParams).max_duration_s
    fallback = load_params("model", ModelParams).family
    found: dict[str, FoundModel] = {}
    for folder in folders:
        if not folder.is_dir() or not any(folder.iterdir()) or folder.name in found:
            continue
        family = family_of(folder) or fallback
        own = load_family_params(family, "decode", family_module(family, "decoding").OwnParams)
        window_s = family_module(family, "window").MAX_DURATION_S
        one = FoundModel(
            folder.name, folder, family, decode, own, machine, align, min(window_s, longest_s),
            folder.stat().st_mtime,
        )  # fmt: skip
        if one.weights_bytes > params.max_gb * GB:
            raise InputError(
                f"models.max_gb: expected at least {one.weights_bytes / GB:.1f} for {folder}, "
                f"got {params.max_gb:g}"
            )
        found[folder.name] = one
    if not found:
        raise InputError(f"models.folders: expected a model in one of {params.folders}, got none")
    return found


# transformers replaces PreTrainedModel.tie_weights while it loads. Of two threads that load at
# once, the second puts the first one's empty replacement back, and no model loads any more.
_LOADING = Lock()


class LoadedModel:
    """A model in memory; what only some requests need is loaded by the first of them."""

    def __init__(self, found: FoundModel) -> None:
        """Load the engine.

        Raises:
            InputError: if the folder holds no model of the family, or the device is missing.
        """
        self.found = found
        self._files = ExitStack()
        self._folder = self._files.enter_context(model_folder(found.folder, BASE))
        role = family_module(found.family, "decoding")
        self.engine: Engine = role.open_engine(self._folder, found.machine, found.decode, found.own)
        self.computed = role.computed_seconds(self._folder, found.own)
        self._aligner: Aligner | None = None
        self._detector: Detector | None = None
        # torch spreads one clip over all cores, so two at once would only wait for each other.
        self.lock = Lock()

    @property
    def num_bytes(self) -> int:
        """An estimate of its memory."""
        uses = 1 + (self._aligner is not None) + (self._detector is not None)
        return uses * self.found.weights_bytes

    def aligner(self) -> Aligner:
        """The model that finds word times; call it with ``lock`` held."""
        if self._aligner is None:
            found = self.found
            role = family_module(found.family, "alignment")
            with _LOADING:
                self._aligner = role.open_aligner(self._folder, found.machine, found.align)
        return self._aligner

    def detector(self) -> Detector | None:
        """The model that names languages, if the family has one; call it with ``lock`` held."""
        if self._detector is None:
            found = self.found
            with _LOADING:
                self._detector = open_detector(
                    found.family, self._folder, found.machine, found.decode, found.own
                )
        return self._detector

    def close(self) -> None:
        """Remove temporary files."""
        self._files.close()


class LoadedModels:
    """The models in memory, the least recently used first.

    No method but ``load`` takes long, so that the batcher may call the others with its lock held.
    """

    def __init__(
        self,
        found: Mapping[str, FoundModel],
        max_bytes: float,
        load: Callable[[FoundModel], LoadedModel] = LoadedModel,
    ) -> None:
        self._found, self._max_bytes, self._load = found, max_bytes, load
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._evicted = False
        self._lock = Lock()

    @property
    def names(self) -> list[str]:
        """Of those in memory."""
        return list(self._models)

    @property
    def num_bytes(self) -> int:
        """An estimate of the memory of all."""
        return sum(model.num_bytes for model in list(self._models.values()))

    def find(self, name: str) -> LoadedModel | None:
        """A model that is in memory."""
        return self._models.get(name)

    def num_workers(self, name: str) -> int:
        """Batches that a model decodes at once; 1 until it is loaded."""
        model = self.find(name)
        return model.engine.num_workers if model else 1

    def to_evict(self, name: str) -> list[str]:
        """The models that must go before this one fits, the least recently used first."""
        if name in self._models:
            return []
        excess = self.num_bytes + self._found[name].weights_bytes - self._max_bytes
        gone = []
        for other, model in list(self._models.items()):
            if excess <= 0:
                break
            gone.append(other)
            excess -= model.num_bytes
        return gone

    def use(self, name: str) -> None:
        """Note that a model is used now."""
        with self._lock:
            if name in self._models:
                self._models.move_to_end(name)

    def load(self, name: str) -> LoadedModel:
        """A model, loaded if it is not in memory; one thread at a time may load.

        Raises:
            InputError: as ``LoadedModel``.
        """
        if (model := self.find(name)) is not None:
            return model
        if self._evicted:
            gc.collect()  # it may lie in circles
            self._evicted = False
        with _LOADING:
            model = self._load(self._found[name])
        with self._lock:
            self._models[name] = model
        return model

    def evict(self, name: str) -> None:
        """Free the memory of a model; one that is at work is freed when it is done."""
        with self._lock:
            self._models.pop(name).close()
            self._evicted = True

    def shrink(self, idle: Callable[[str], bool]) -> None:
        """Evict idle models until the rest fits: word times take memory that loading did not."""
        for other in self.names[:-1]:
            if self.num_bytes > self._max_bytes and idle(other):
                self.evict(other)

    def close(self) -> None:
        """Free all."""
        for name in self.names:
            self.evict(name)


def loaded(model: str, load: Callable[[], T]) -> T:
    """What a model loads for a batch.

    Raises:
        ApiError: if it can't, as when the pipeline replaces the folder: no request is at fault.
    """
    try:
        return load()
    except (InputError, OSError) as error:
        log_not_loaded(model, error)
        message = f"model: {model} can't be loaded"
        raise ApiError(503, message, "model", "model_not_loadable") from error
