"""Train on a rented GPU, on RunPod, SkyPilot's clouds, Hugging Face jobs or a machine over SSH.

    python -m commands.pod train NAME -S train.lr=2e-5  # creates or resumes the machine first
    python -m commands.pod tail         # the log, live; Ctrl-C leaves the run going
    python -m commands.pod attach       # the run's terminal; Ctrl-B D leaves it
    python -m commands.pod tensorboard  # http://localhost:6006
    python -m commands.pod stop         # saves, then stops the machine
    python -m commands.pod up           # only the machine
    python -m commands.pod debug        # train on 100 utterances, some minutes
    python -m commands.pod cost

.pod.env says where; copy pods/pod.env.example. Each command that this runs is printed. Before
anything that costs money it checks storage, Git and clock, and asks, unless --yes.
"""

import argparse
import os
import sys
from itertools import pairwise
from pathlib import Path

from asr.core.errors import InputError
from asr.pods import provider
from asr.pods.checks import check_git, check_storage, forget_mirror
from asr.pods.console import Console
from asr.pods.settings import Settings, read_settings
from asr.pods.work import planned_run
from commands.recipe import command as recipe_command

VERBS = ("up", "train", "debug", "tail", "attach", "tensorboard", "stop", "cost")
ON_THE_MACHINE = ("check", "forget")  # that pods/run.sh calls


def main() -> int:
    """Do what the command line says; returns the exit status."""
    arguments = _parser().parse_args()
    try:
        if arguments.verb == "check":
            check_storage("", arguments.mirror)
        elif arguments.verb == "forget":
            forget_mirror(arguments.mirror)
        else:
            _run(arguments, read_settings(Path()))
    except (InputError, OSError) as error:
        sys.exit(f"pod: {error}")
    except KeyboardInterrupt:
        print("\nleft; a run that has started goes on: pod tail")
    return 0


def _run(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.provider:
        settings.values["PROVIDER"] = arguments.provider
    if arguments.idle_minutes:
        settings.values["IDLE_MINUTES"] = str(arguments.idle_minutes)
    os.environ.update(settings.credentials())  # for the checks, sky and hf
    where = provider(settings, Console(arguments.yes))
    if arguments.verb in ("train", "debug"):
        run = planned_run(
            settings, arguments.name, _overrides(arguments), targets=arguments.targets,
            jobs=arguments.jobs, restart=arguments.restart, bundle=arguments.bundle,
        )  # fmt: skip
        variables = run.variables
        first = arguments.name + ("-1" if arguments.jobs else "")  # as DVC names a sweep
        check_git(variables["REPOSITORY"], first, restart=arguments.restart)
        check_storage(variables["REMOTE"], variables["MIRROR"])
        where.train(run)
        print("started: python -m commands.pod tail")
    else:
        getattr(where, arguments.verb)()


def _overrides(arguments: argparse.Namespace) -> list[str]:
    """``key=value`` of a recipe, then those of the command line."""
    recipe = "debug" if arguments.verb == "debug" else arguments.recipe
    words = recipe_command([recipe], [])[0] if recipe else []
    of_recipe = [after for word, after in pairwise(words) if word == "--set-param"]
    return [*of_recipe, *arguments.set_param]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        one = verbs.add_parser(verb)
        one.add_argument("--provider", help="in place of PROVIDER: runpod, sky, hf, ssh")
        one.add_argument("--idle-minutes", type=int, help="in place of IDLE_MINUTES")
        one.add_argument("--yes", action="store_true", help="ask nothing, also before costs")
        if verb in ("train", "debug"):
            _add_options_of_a_run(one, verb)
    for verb in ON_THE_MACHINE:
        verbs.add_parser(verb).add_argument("--mirror", required=True)
    return parser


def _add_options_of_a_run(parser: argparse.ArgumentParser, verb: str) -> None:
    if verb == "train":
        parser.add_argument("name", help="of the experiment")
        parser.add_argument("--recipe", default="", help="a file in recipes/, without .yaml")
        parser.add_argument("--restart", action="store_true", help="forget an earlier run's state")
    else:
        parser.set_defaults(name="debug", restart=True)
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--targets", default="", help="stages; all if empty")
    parser.add_argument("--jobs", default="", help="run a sweep in DVC's queue, so many at once")
    parser.add_argument("--bundle", action="store_true", help="send what was not pushed")


if __name__ == "__main__":
    sys.exit(main())
