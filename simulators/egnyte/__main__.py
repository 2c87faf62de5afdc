"""`python -m simulators.egnyte`: a whole Egnyte domain on this machine, for people and their own tests."""

import asyncio
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulators.clock import Clock, RealClock, VirtualClock, from_iso
from simulators.egnyte.arrivals import Arrival
from simulators.egnyte.eventlog import Event
from simulators.egnyte.simulator import EgnyteSimulator
from simulators.egnyte.switches import Switches
from simulators.scenario.demo import Demo
from simulators.scenario.scenario import QUIET_DAYS, Scenario
from simulators.serving import told_to_stop

DAY_MS = 86_400_000
DEMO_DELAY_MS = 10_000
"""So long after the start the demonstration's attacks begin."""

app = typer.Typer(add_completion=False)


class Story(StrEnum):
    """What happens in the domain."""

    DEMO = "demo"
    ORGANISATION = "organisation"
    EMPTY = "empty"


@app.command()
def main(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to serve on; other machines reach 0.0.0.0.")] = "127.0.0.1",
    token: Annotated[str, typer.Option(help="Access token to accept; made up if not given.")] = "",
    domain: Annotated[str, typer.Option(help="Name of the domain.")] = "acme",
    scenario: Annotated[
        Story, typer.Option(help="What happens: a short story, weeks of an organisation, nothing.")
    ] = Story.DEMO,
    seed: Annotated[int, typer.Option(help="Another seed, another organisation.")] = 1,
    users: Annotated[int, typer.Option(help="People of the organisation.")] = 50,
    days: Annotated[int, typer.Option(help="Days of the organisation, half of them past.")] = 28,
    speed: Annotated[
        float, typer.Option(help="Seconds that pass here in one second; 0: only by POST /control/clock.", min=0)
    ] = 1.0,
    start: Annotated[str, typer.Option(help="Time at the start, ISO 8601, UTC; now if not given.")] = "",
    limits: Annotated[bool, typer.Option(help="Egnyte's limits on requests.")] = True,
    lists: Annotated[Path | None, typer.Option(help="Folder to write the organisation's IP lists to.")] = None,
    switch: Annotated[
        list[str] | None, typer.Option("--set", help="A doubt decided, NAME=VALUE, e.g. page_cap=10000; repeatable.")
    ] = None,
    list_switches: Annotated[
        bool, typer.Option("--list-switches", help="Print the switches and their defaults.")
    ] = False,
) -> None:
    """Serves a simulated Egnyte domain: audit stream v2, OAuth, userinfo, whoami, and /control to command it.

    Prints its URL and its token. GET /control/journal shows every request, GET /control/events every event that was
    visible.
    """
    if list_switches:
        typer.echo("\n".join(Switches.listed()))
        return
    try:
        switches = (Switches() if limits else Switches.unlimited()).changed(Switches.parsed(switch or []))
        now_ms = from_iso(start) if start else RealClock().now_ms()
        clock: Clock = RealClock() if speed == 1 and not start else VirtualClock(now_ms, speed)
        events, files = _staged(scenario, now_ms, seed, users, days)
        _write(files, lists)
        simulator = EgnyteSimulator(events, clock, switches, domain=domain, token=token or None)
        asyncio.run(_serve(simulator, host, port))
    except (ValueError, OSError) as problem:
        typer.echo(f"refused: {problem}", err=True)
        raise typer.Exit(1) from None


def _staged(
    scenario: Story, now_ms: int, seed: int, users: int, days: int
) -> tuple[Iterable[Event | bytes | Arrival], dict[str, str]]:
    """The scenario's events, and its IP list files: name and text."""
    if scenario is Story.DEMO:
        demo = Demo(now_ms, seed)
        return [*demo.history, *demo.recent, *demo.live(now_ms + DEMO_DELAY_MS)], demo.lists
    if scenario is Story.ORGANISATION:
        past_days = max(days // 2, QUIET_DAYS)
        weeks = Scenario(seed, users, days, now_ms - now_ms % DAY_MS - past_days * DAY_MS)
        return weeks, weeks.lists
    return [], {}


def _write(files: dict[str, str], folder: Path | None) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)


async def _serve(simulator: EgnyteSimulator, host: str, port: int) -> None:
    stop = told_to_stop()
    async with simulator.serve(host, port) as url:
        app_key = next(iter(simulator.oauth.apps.values()))
        typer.echo(
            f"url={url}\ntoken={simulator.token}\nclient_id={app_key.client_id}\nclient_secret={app_key.client_secret}"
        )
        await stop.wait()


if __name__ == "__main__":
    app()
