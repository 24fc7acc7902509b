"""The progress of a run, which every checkpoint stores, and the columns of its curves."""

from dataclasses import dataclass, field

from asr.training.state.log import CurveRow

TRAIN_COLUMNS = ("step", "epoch", "loss", "lr", "grad_norm", "audio_s")
DEV_COLUMNS = ("step", "wer", "cer", "best")


@dataclass
class Progress:
    """Progress of a run; every checkpoint stores all of it.

    A step whose loss or gradient is not finite is skipped: it changes no weight.
    """

    step: int = 0
    best_step: int = 0
    best: list[float] | None = None  # WER and CER
    best_sha256: str = ""  # of the file with the best weights; the first process has it
    scaler: dict[str, float] = field(default_factory=dict)  # of the loss, in fp16
    window: list[CurveRow] = field(default_factory=list)  # steps since the last train row
    num_skipped: int = 0
    num_skipped_in_a_row: int = 0
    train_rows: list[CurveRow] = field(default_factory=list)
    dev_rows: list[CurveRow] = field(default_factory=list)
    phase_rows: list[CurveRow] = field(default_factory=list)  # one for each phase that started

    def log_window(self) -> None:
        """Append one train row for the steps since the last, unless all of them were skipped."""
        if not self.window:
            return
        last = self.window[-1]
        rates = {key: float(f"{last[key]:.6g}") for key in last if key.startswith("lr")}
        self.train_rows.append(
            {
                "step": self.step,
                "epoch": last["epoch"],
                "loss": _mean(self.window, "loss"),
                **({"phase": last["phase"]} if "phase" in last else {}),
                **rates,
                "grad_norm": _mean(self.window, "grad_norm"),
                "audio_s": round(sum(point["audio_s"] for point in self.window), 2),
                "skipped": self.num_skipped,  # in the log, not in the curves
            }
        )
        self.window = []

    @property
    def dev_metrics(self) -> dict[str, float]:
        """Errors on dev of the saved weights, and their step; empty if dev was not transcribed."""
        if self.best is None:
            return {}
        return {"step": self.best_step, "wer": self.best[0], "cer": self.best[1]}

    @property
    def train_columns(self) -> tuple[str, ...]:
        """Columns of ``train.csv``: phase and rates by group only where there are several."""
        own = [
            key for row in self.train_rows[:1] for key in row if key.startswith(("phase", "lr_"))
        ]
        own.sort(key=lambda key: (key != "phase", key))  # a checkpoint's rows are sorted
        several = any(row[key] != row["lr"] for row in self.train_rows for key in own)
        return (*TRAIN_COLUMNS, *own) if several else TRAIN_COLUMNS

    @property
    def dev_columns(self) -> tuple[str, ...]:
        """Columns of ``dev.csv``: also what the family counts on dev."""
        own = [key for row in self.dev_rows[:1] for key in row if key not in DEV_COLUMNS]
        return (*DEV_COLUMNS, *sorted(own))


def _mean(rows: list[CurveRow], column: str) -> float:
    return round(float(sum(row[column] for row in rows)) / len(rows), 6)
