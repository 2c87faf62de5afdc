"""`python -m simulators.entra`: a whole Entra ID tenant on this machine, for people and their own tests."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from simulators.clock import Clock, RealClock, VirtualClock, from_iso
from simulators.entra.apps import App, AppSecret
from simulators.entra.people import tenant_people
from simulators.entra.simulator import EntraSimulator
from simulators.entra.switches import Switches
from simulators.serving import told_to_stop

app = typer.Typer(add_completion=False)


@app.command()
def main(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to serve on; other machines reach 0.0.0.0.")] = "127.0.0.1",
    tenant: Annotated[str, typer.Option(help="Id or name of the tenant; made up if not given.")] = "",
    client_id: Annotated[str, typer.Option(help="Id of the registered app.")] = "egnyte-watch",
    client_secret: Annotated[str, typer.Option(help="Its secret; made up if not given.")] = "",
    certificate: Annotated[
        Path | None, typer.Option(help="Its certificate (PEM, public part), to log in by assertion as well.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="Directory role of the app, such as 'Global Administrator'; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another organisation.")] = 1,
    users: Annotated[int, typer.Option(help="People of the organisation; 0 for an empty tenant.", min=0)] = 50,
    speed: Annotated[
        float, typer.Option(help="Seconds that pass here in one second; 0: only by POST /control/clock.", min=0)
    ] = 1.0,
    start: Annotated[str, typer.Option(help="Time at the start, ISO 8601, UTC; now if not given.")] = "",
    limits: Annotated[bool, typer.Option(help="Graph's limits on requests.")] = True,
    switch: Annotated[
        list[str] | None, typer.Option("--set", help="A doubt decided, NAME=VALUE, e.g. page_size=10; repeatable.")
    ] = None,
    list_switches: Annotated[
        bool, typer.Option("--list-switches", help="Print the switches and their defaults.")
    ] = False,
) -> None:
    """Serves a simulated Entra ID tenant: login server, Microsoft Graph v1.0, and /control to command it.

    Prints its URL, tenant, client id and secret. GET /control/users says how every account stands, /control/mails what
    was sent, /control/effects what was done, /control/journal every request.
    """
    if list_switches:
        typer.echo("\n".join(Switches.listed()))
        return
    try:
        switches = (Switches() if limits else Switches.unlimited()).changed(Switches.parsed(switch or []))
        now_ms = from_iso(start) if start else RealClock().now_ms()
        clock: Clock = RealClock() if speed == 1 and not start else VirtualClock(now_ms, speed)
        simulator = EntraSimulator(clock=clock, switches=switches, tenant=tenant, client_secret=client_secret or None)
        secret = AppSecret(simulator.client_secret)
        pem = (certificate.read_text(),) if certificate else ()
        registered = App(client_id=client_id, secrets=(secret,), certificates=pem, roles=tuple(role or ()))
        simulator.apps.register(registered)
        tenant_people(simulator.directory, users, seed)
        asyncio.run(_serve(simulator, registered, host, port))
    except (ValueError, OSError) as problem:
        typer.echo(f"refused: {problem}", err=True)
        raise typer.Exit(1) from None


async def _serve(simulator: EntraSimulator, registered: App, host: str, port: int) -> None:
    stop = told_to_stop()
    async with simulator.serve(host, port) as url:
        typer.echo(
            f"url={url}\ntenant={simulator.name}\nclient_id={registered.client_id}\n"
            f"client_secret={simulator.client_secret}"
        )
        await stop.wait()


if __name__ == "__main__":
    app()
