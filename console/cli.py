"""The `egnyte-watch` command: its options, its subcommands, and what happens when one fails.

Exit codes: 0 done, 1 refused or failed, with a reason and advice on standard error, 2 wrong usage.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from aiokafka.errors import KafkaError
from typer.core import TyperGroup

from connectors.places.errors import PlacesError
from console.commands import (
    activities,
    alerts,
    archive,
    backtest,
    connect,
    demo,
    doctor,
    govern,
    history,
    networks,
    policies,
    replay,
    run,
    status,
    topics,
)
from console.session import Session
from detections.policies import PoliciesError
from streams import logs
from streams.errors import StreamError
from streams.settings import SettingsError

EXPECTED: Final = (SettingsError, StreamError, PlacesError, PoliciesError, KafkaError)
"""Errors that are about the settings, the files or the cluster, not about this program: their text says what to do."""


class _Commands(TyperGroup):
    """Tells an expected error in words; any other is a fault of this program, and shows where."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            session = ctx.find_object(Session)
            if session is not None and session.debug:
                raise
            text = str(error) if not isinstance(error, KafkaError) else f"Kafka refused: {error}"
            typer.echo(f"egnyte-watch: {text}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="egnyte-watch",
    cls=_Commands,
    help="Guards an Egnyte domain: audit events in, alerts out, on Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(
    context: typer.Context,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file (TOML). Default: egnyte-watch.toml, if it is there.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks.")] = False,
) -> None:
    logs.configure("DEBUG" if debug else "INFO")
    context.obj = Session(settings, debug=debug)


app.command("topics")(topics.topics)
app.command("doctor")(doctor.doctor)
app.command("worker")(run.worker)
app.command("connector")(run.connector)
app.command("connect")(connect.connect)
app.command("status")(status.status)
app.command("rotate")(connect.rotate)
app.command("disable")(connect.disable)
app.command("enable")(connect.enable)
app.command("disconnect")(connect.disconnect)
app.command("history")(history.history)
app.command("console")(archive.console)
app.command("demo")(demo.demo)
app.command("replay")(replay.replay)
app.command("backtest")(backtest.backtest)
app.add_typer(activities.app, name="activities")
app.add_typer(alerts.app, name="alerts")
app.add_typer(govern.app, name="govern")
app.add_typer(networks.app, name="networks")
app.add_typer(policies.app, name="policies")


def main() -> None:
    """Entry point of the `egnyte-watch` script."""
    app(prog_name="egnyte-watch")


if __name__ == "__main__":
    main()
