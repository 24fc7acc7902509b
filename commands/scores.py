"""Print the scores: both models side by side, the gates, and the report's path.

    python -m commands.scores [--markdown]
    python -m commands.scores --gate production
    python -m commands.scores --compare v1.0 v1.1 [--test-set phone]

--markdown prints text for a pull request: the verdict, README's table, the gates and the guards.
With --gate the exit status is 0 only if the gate is passed. --compare prints the tuned models of
two Git revisions side by side, from the hypotheses in DVC's cache or remote: nothing is transcribed
again. `workspace` is what the working tree has.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.corpora.test_sets import TEST, test_set_names
from asr.report.markdown import markdown_page
from asr.report.metrics import read_metrics

METRICS = Path("metrics")
NUM_EXAMPLES = 5  # of what a language model changed; the report has more
FAILED = 1  # exit status of a gate that is not passed, as of an error


def header(first: str, second: str, with_champion: bool = False) -> tuple[str, ...]:
    """The column names of the score table."""
    against = ("WER champion", "difference to it", "verdict") if with_champion else ()
    return ("test set", f"WER {first}", f"WER {second}", "difference", "verdict", *against, "CER",
            "clips")  # fmt: skip


def score_rows(comparison: dict[str, Any], first: str, second: str) -> list[tuple[str, ...]]:
    """One row for all utterances and one a corpus; the report also has the groups by language.

    Args:
        comparison: ``metrics/compare.json``, or the like of it.
        first: the key of the first model's rates, such as ``base``.
        second: of the second model's.
    """
    champion = comparison.get("champion", {}).get("groups", {})
    rows = [
        _row(name, group, (first, second), champion.get(name))
        for name, group in comparison["groups"].items()
        if name == "overall" or name.startswith("corpus ")
    ]
    return sorted(rows, key=lambda row: (row[0] != "overall", row[0]))


def _row(
    name: str, group: dict[str, Any], models: tuple[str, str], champion: dict[str, Any] | None
) -> tuple[str, ...]:
    wer, cer = group["wer"], group["cer"]
    return (
        name,
        *(_with_interval(wer[model], wer[f"{model}_interval"]) for model in models),
        _with_interval(wer["difference"], wer["difference_interval"]),
        wer["verdict"],
        *(_against(champion["wer"]) if champion else ()),
        " → ".join(_rate(cer[model]) for model in models),
        str(group["num_utterances"]),
    )


def _against(wer: dict[str, Any]) -> tuple[str, ...]:
    return (
        _with_interval(wer["champion"], wer["champion_interval"]),
        _with_interval(wer["difference"], wer["difference_interval"]),
        wer["verdict"],
    )


def lm_lines(metrics: Path) -> list[str]:
    """What the language model changed in the tuned model's hypotheses; none if it was off."""
    path = metrics / "score" / "tuned.json"
    found = read_json(path).get("language_model") if path.is_file() else None
    if not found:
        return []
    lines = [
        f"Language model, {language}: WER {_rate(one['wer_without'])} without, "
        f"{_rate(one['wer_with'])} with; {one['words_gained']} words gained, "
        f"{one['words_lost']} lost in {one['num_changed']} utterances"
        for language, one in found["languages"].items()
    ]
    shown = found["examples"][:NUM_EXAMPLES]
    return lines + [f"  {one['without']} → {one['with']} ({one['reference']})" for one in shown]


def detail_lines(metrics: Path) -> list[str]:
    """Of the tuned model: views of the score, the worst slice, and empty references."""
    path = metrics / "score" / "tuned.json"
    score = read_json(path) if path.is_file() else {}
    views, worst = score.get("views", {}), score.get("worst_slice")
    wers = ", ".join(f"{name} {_rate(views[name]['wer'])}" for name in views)
    lines = [f"WER in other views: {wers}"] if views else []
    if worst:
        wer = _with_interval(worst["wer"], worst["wer_interval"])
        name = f"{worst['kind']} {worst['value']}"
        lines.append(
            f"Worst of {worst['num_slices']} slices: {name}, WER {wer}, "
            f"{worst['num_utterances']} clips"
        )
    if empty := score.get("empty_references"):
        lines.append(
            f"References that are empty after normalization: {len(empty)}, first {empty[0]}; "
            "all words of their hypotheses count as errors"
        )
    return lines


def speed_line(metrics: Path) -> str:
    """A sentence with the decoding speed of each model (RTFx)."""
    speeds = {name: read_json(metrics / "speed" / f"{name}.json") for name in ("base", "tuned")}
    parts = [f"{name} {speed['rtfx']:.0f} × real time" for name, speed in speeds.items()]
    return f"Decoding on {speeds['tuned']['device']}: {', '.join(parts)}."


def champion_line(metrics: Path) -> list[str]:
    """What the champion is; nothing if there is none."""
    champion = read_json(metrics / "compare.json").get("champion")
    if champion is None:
        return []
    commit = f", commit {champion['commit'][:12]}" if champion["commit"] else ""
    return [f"Champion: {champion['name']}{commit}."]


def markdown_table(metrics: Path) -> str:
    """The score table in Markdown, for README."""
    names, *rows = _table_of(metrics)
    lines = [names, tuple("---" for _ in names), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def markdown_summary(metrics: Path) -> str:
    """The report in short, as Markdown for a pull request; its first table is README's."""
    return markdown_page(read_metrics(metrics, test_set_names()), markdown_table(metrics))


def text_table(metrics: Path) -> str:
    """The score table for a terminal, with aligned columns."""
    return aligned(_table_of(metrics))


def scorecard_table(metrics: Path) -> str:
    """The gates for a terminal, with aligned columns."""
    gates = read_json(metrics / "scorecard.json")["gates"]
    rows = [
        (name, row["requirement"], *(_value(row[key]) for key in ("threshold", "value")),
         row["status"])
        for name, row in gates.items()
    ]  # fmt: skip
    return aligned([("gate", "requirement", "threshold", "value", "status"), *rows])


def status_of(metrics: Path, gate: str) -> str:
    """The status of a gate in the scorecard: pass, fail or not measured.

    Raises:
        InputError: if the scorecard has no such gate.
    """
    path = metrics / "scorecard.json"
    gates = read_json(path)["gates"]
    if gate not in gates:
        raise InputError(f"{path}: no gate {gate!r}, there are {sorted(gates)}")
    status: str = gates[gate]["status"]
    return status


def revisions_table(first: str, second: str, test_set: str) -> str:
    """The tuned models of two revisions side by side, and what the revisions are.

    Raises:
        InputError: see ``compare_revisions``.
    """
    # Scoring and DVC take a second to import; printing what is there needs neither.
    from asr.champion.side_by_side import compare_revisions

    found = compare_revisions(first, second, test_set)
    rows = score_rows({"groups": found.groups}, "first", "second")
    commits = [f"{name}: commit {commit}" for name, commit in found.commits.items() if commit]
    normalizers = f"Normalizers: {', '.join(sorted(set(found.normalizers.values())))}"
    return "\n".join([aligned([header(first, second), *rows]), "", *commits, normalizers])


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of equally many cells as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _table_of(metrics: Path) -> list[tuple[str, ...]]:
    comparison = read_json(metrics / "compare.json")
    further = {
        name: read_json(metrics / "test_sets" / name / "compare.json") for name in test_set_names()
    }
    with_champion = any("champion" in one for one in (comparison, *further.values()))
    names = header("zero-shot", "tuned", with_champion=with_champion)
    rows = score_rows(comparison, "base", "tuned")
    for name, compared in further.items():
        champion = compared.get("champion", {}).get("groups", {}).get("overall")
        overall = compared["groups"]["overall"]
        rows.append(_row(f"test set {name}", overall, ("base", "tuned"), champion))
    # The champion may have been scored on some of the test sets.
    return [
        names,
        *(r if len(r) == len(names) else (*r[:5], "–", "–", "–", *r[5:]) for r in rows),
    ]


def _value(value: float | list[str] | None) -> str:
    return ", ".join(value) if isinstance(value, list) else _rate(value)


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.3f}"


def _with_interval(rate: float | None, interval: dict[str, Any] | None) -> str:
    if interval is None:
        return _rate(rate)
    return f"{_rate(rate)} [{_rate(interval['low'])}, {_rate(interval['high'])}]"


def print_all(metrics: Path) -> None:
    """Print the table, speeds, champion, gates and the report's path."""
    print(f"\n{text_table(metrics)}\n\n{speed_line(metrics)}")
    more = champion_line(metrics) + detail_lines(metrics) + lm_lines(metrics)
    print("".join(f"{line}\n" for line in more), end="")
    if (metrics / "scorecard.json").is_file():
        print(f"\n{scorecard_table(metrics)}\n")
    print(f"Report: {(metrics / 'report.html').resolve()}")


def main() -> int:
    """Print what the arguments ask for; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--markdown", action="store_true", help="text for a pull request")
    one_of.add_argument("--gate", metavar="NAME", help="exit with 1 unless this gate is passed")
    one_of.add_argument("--compare", nargs=2, metavar=("REV1", "REV2"), help="two revisions")
    parser.add_argument("--test-set", metavar="NAME", help="with --compare: one of test_sets")
    given = parser.parse_args()
    if given.test_set and not given.compare:
        parser.error("--test-set is for --compare")
    try:
        if given.markdown:
            print(markdown_summary(METRICS))
        elif given.compare:
            first, second = given.compare
            print(revisions_table(first, second, given.test_set or TEST))
        else:
            print_all(METRICS)
        if given.gate:
            status = status_of(METRICS, given.gate)
            print(f"Gate {given.gate}: {status}")
            return 0 if status == "pass" else FAILED
        return 0
    except FileNotFoundError as error:
        sys.exit(f"scores: {error.filename}: there is none yet; `dvc repro` writes it")
    except (InputError, OSError) as error:
        sys.exit(f"scores: {error}")


if __name__ == "__main__":
    sys.exit(main())
