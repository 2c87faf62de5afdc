"""`egnyte-watch demo`: the whole pipeline on this machine, from simulated events to alerts."""

from pathlib import Path
from typing import Annotated

import typer

from console.session import session_of


def demo(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="End when the scenario's expected alerts have been read.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write what was published to this folder.")
    ] = None,
) -> None:
    """Run broker, simulated Egnyte, connector and worker, and show alerts as they come."""
    from console.demo import run

    raise typer.Exit(run(session_of(context).settings, once=once, save=save))
