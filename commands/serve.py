"""Serve models over HTTP, with OpenAI's API, on this machine's device: ``make serve``.

    python -m commands.serve
    python -m commands.serve --port 9000 --params conf/serve.yaml

``conf/serve.yaml`` has models, limits and keys; ``params.yaml`` says how speech is decoded. Without
API keys only this machine is served. A log line a request goes to standard output. SIGTERM or
Ctrl-C ends the server when the requests that run have their answers.
"""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from asr.core.errors import InputError, faults, needs
from asr.serving.params import PATH, ServerParams, load_serve_params

INTERRUPTED = 130


def serve(params: Path, host: str | None, port: int | None) -> None:
    """Serve until a signal comes."""
    given = load_serve_params(params)
    changes = {"host": host, "port": port}
    update = {name: value for name, value in changes.items() if value is not None}
    try:
        server = ServerParams.model_validate(given.server.model_dump() | update)
    except ValidationError as error:
        raise InputError("\n".join(faults(error, "server"))) from error
    given = given.model_copy(update={"server": server})
    with needs("serve", "commands.serve"):
        from asr.serving.run import run
    run(given)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--params", type=Path, default=PATH)
    parser.add_argument("--host", help="in place of server.host")
    parser.add_argument("--port", type=int, help="in place of server.port; 0: any free one")
    given = parser.parse_args()
    try:
        serve(given.params, given.host, given.port)
    except (InputError, OSError) as error:
        sys.exit(f"serve: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
