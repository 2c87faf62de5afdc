"""`egnyte-watch status`: every connector, how it fares, and what to do."""

import asyncio
import time
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from connectors.directory.standing import SourceReport
from connectors.egnyte.standing import Report, Standing, report
from connectors.egnyte.statuses import all_statuses
from connectors.egnyte.supervisor import facts_of
from connectors.secrets.errors import VaultError
from connectors.secrets.vault import Vault
from console.session import Session, session_of
from schemas.connector import StatusRecord
from streams.kafka_admin import admin_client
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import topic_name

STYLES: Final[dict[Standing, str]] = {
    "connecting": "yellow", "connected": "green", "degraded": "yellow", "error": "bold red", "disabled": "dim",
    "disconnected": "dim",
}  # fmt: skip


SOURCES: Final = {"entra": "Entra ID", "egnyte": "Egnyte"}


def status(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show every connector: its state and what to do about it, last good poll, lag, quota, token, latency to expect;
    and the sources that it reads people from.

    Exit code 1 where a connector or a source is in error.
    """
    session = session_of(context)
    reports = reports_of(session.settings, asyncio.run(read_statuses(session.settings)), time.time_ns() // 1_000_000)
    if json:
        typer.echo(msgspec.json.encode(reports))
    elif not reports:
        session.out.print("No connector yet: egnyte-watch connect acme https://acme.egnyte.com")
    else:
        for each in reports:
            _show(session, each)
    states = {each.state for each in reports} | {source.state for each in reports for source in each.people}
    raise typer.Exit(1 if "error" in states else 0)


async def read_statuses(settings: Settings) -> dict[str, StatusRecord]:
    """What every connector said of itself last, by name. Raises BrokerAwayError."""
    topic = topic_name(settings, "connectors")
    async with admin_client(settings) as client:
        described = await client.describe_topics()
    if not any(entry["topic"] == topic and not entry["error_code"] for entry in described):
        return {}
    cluster = KafkaCluster(settings, f"{settings.kafka.topic_prefix}-watch-status")
    try:
        return await all_statuses(settings, cluster)
    finally:
        await cluster.close()


def reports_of(settings: Settings, records: dict[str, StatusRecord], now_ms: int) -> list[Report]:
    """All connectors: those that have a token here, and those that have written. `records` are used up."""
    vault, egnyte = Vault(settings.vault), settings.egnyte
    found = {}
    for name in vault.names():
        record = records.pop(name, None)
        try:
            entry = vault.read(name)
        except VaultError as error:
            found[name] = Report(connector=name, url="", state="error", kind="vault", error=str(error))
            continue
        if entry is not None:
            found[name] = report(
                name, entry.url, record, now_ms, wanted=True, disabled=entry.disabled, token=facts_of(entry)
            )
    if egnyte.name and egnyte.name not in found and egnyte.token:
        record = records.pop(egnyte.name, None)
        found[egnyte.name] = report(
            egnyte.name, egnyte.base_url, record, now_ms, wanted=True, disabled=False, token=None
        )
    for name, record in records.items():
        # Its token may be in another machine's settings: as long as it writes, it is there.
        ended = record.state in {"disconnected", "disabled", "stopped"}
        found[name] = report(name, "", record, now_ms, wanted=not ended, disabled=False, token=None)
    return [found[name] for name in sorted(found)]


def _show(session: Session, each: Report) -> None:
    kind = f" ({each.kind})" if each.kind else ""
    session.out.print(
        Text.assemble((each.connector, "bold"), "  ", (each.state + kind, STYLES[each.state]), f"  {each.url}")
    )
    for label, value in lines_of(each):
        session.out.print(f"  {label:<14} {_plain(value)}")


def lines_of(each: Report) -> list[tuple[str, str]]:
    """What there is to say about a connector: each time a label, and words."""
    age = each.newest_event_age_s
    latency, token, backfill = each.expected_latency, each.token, each.backfill
    lines = [
        ("error", each.error),
        ("advice", each.advice),
        ("user", each.user),
        ("last good poll", each.last_good_poll or ""),
        ("newest event", f"{each.newest_event}, {_span(age)} ago" if age is not None else ""),
        ("lag", f"{_span(each.lag_s)} from the last event to its reception" if each.lag_s else ""),
        ("backfill", f"{backfill.source}: {backfill.done}, {backfill.percent} %" if backfill is not None else ""),
        ("requests left", _left(each)),
        ("latency", f"{latency.typical_s:g} s, {latency.worst_s:g} s at most, at this quota" if latency else ""),
        ("gap", f"events between {each.gap[0]} and {each.gap[1]} are lost to the stream" if each.gap else ""),
        ("alerts", ", ".join(each.open_findings)),
    ]
    if token is not None:
        ends = f"ends {token.expires}" if token.expires else "no end named"
        renewal = "renews itself" if token.renews_itself else _renewal(token.renewal_in_days)
        lines.append(("token", f"{token.age_days} days old, {ends}, {renewal}"))
    for source in each.people:
        lines += _people(source)
    return [(label, value) for label, value in lines if value]


def _people(source: SourceReport) -> list[tuple[str, str]]:
    """What there is to say about a source of people."""
    kind = f" ({source.kind})" if source.kind else ""
    known = [f"{SOURCES[source.source]}: {source.state}{kind}"]
    if source.last_good_read is not None:
        known += [f"{source.people:,} accounts", f"read {source.last_good_read}"]
    if source.delta_age_s is not None:
        known.append(f"changes since {_span(source.delta_age_s)} ago are next")
    if source.credential is not None and source.credential.ends is not None:
        ends = f"ends {source.credential.ends}, in {source.credential.days_left} days"
        known.append(f"client {source.credential.kind} {ends}")
    since = f" (since {source.failing_since})" if source.failing_since else ""
    lines = [("people", ", ".join(known)), ("  error", source.error + since), ("  advice", source.advice)]
    return [(label, value) for label, value in lines if value]


def _renewal(days: int | None) -> str:
    if days is None:
        return "nobody knows when it is to be renewed"
    return f"to be renewed in {days} days" if days >= 0 else f"to be renewed since {-days} days"


def _left(each: Report) -> str:
    known = ((each.requests_left_hour, "this hour"), (each.requests_left_day, "today"))
    return ", ".join(f"{number} {when}" for number, when in known if number is not None)


def _span(seconds: float | None) -> str:
    if seconds is None or seconds < 120:
        return f"{seconds or 0:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _plain(text: str) -> str:
    """Without what steers a terminal: errors quote what a server said."""
    return "".join(each if each.isprintable() else " " for each in text)
