"""`egnyte-watch worker` and `egnyte-watch connector`: the processes that run for months."""

from typing import Annotated, Final

import typer

from console.session import session_of

AGENTS: Final = ("enrich", "detect", "networks", "profile", "govern")
"""Those that a worker can run, in the order of the data."""


def worker(
    context: typer.Context,
    agents: Annotated[str, typer.Option(help=f"Which agents, separated by commas: {', '.join(AGENTS)}.")] = ",".join(
        AGENTS
    ),
) -> None:
    """Run agents until SIGTERM or Ctrl-C. Start as many workers as you like: they share the partitions."""
    names = tuple(dict.fromkeys(name.strip() for name in agents.split(",") if name.strip()))
    unknown = [name for name in names if name not in AGENTS]
    if unknown or not names:
        wrong = f"unknown agent {', '.join(unknown)}" if unknown else "no agent is named"
        raise typer.BadParameter(f"{wrong}: known are {', '.join(AGENTS)}", param_hint="--agents")
    from agents.worker import run

    raise typer.Exit(run(session_of(context).settings, names))


def connector(context: typer.Context) -> None:
    """Poll Egnyte's audit stream and publish its events, until SIGTERM or Ctrl-C."""
    from connectors.egnyte.process import run

    raise typer.Exit(run(session_of(context).settings))
