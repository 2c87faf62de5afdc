"""The list of findings, and the page of one: why it was raised, what surrounds it, what people say about it."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console import journey
from console.archive import findings
from console.archive.database import Database
from console.archive.search import Search, page
from console.events import Published
from console.verdicts import check_sayable
from console.web.acting import OFFERED, person_of
from console.web.drawing import Drawing, drawing
from console.web.rendering import address, render, stamp
from console.worldmap import Spot
from detections import wording
from schemas.finding import Finding
from schemas.governance import WHY_CHARS
from schemas.verdict import BY_CHARS, COMMENT_CHARS, OPINIONS, Opinion, Said, Verdict
from streams.errors import Refused
from streams.sections import DAY_MS, HOUR_MS

Publish = Callable[[Verdict], Awaitable[Published]]
AROUND_MS: Final = 24 * HOUR_MS
"""Before and after what was found: 48 h in all."""
AROUND_ROWS: Final = 200
SUPPRESSED_MS: Final = 30 * DAY_MS
TIMELINE: Final = (
    "time_ms", "type", "outcome", "path", "target_path", "ip", "country", "city", "client", "event_id", "partition",
    "position",
)  # fmt: skip


class FindingsPages:
    """`publish`: writes a verdict to where workers read it. `can_act`: requests of governance can be written too."""

    def __init__(self, database: Database, publish: Publish, *, can_act: bool = False) -> None:
        self._database, self._publish, self._can_act = database, publish, can_act
        self.routes = [
            Route("/findings", self._list),
            Route("/findings/{uid}", self._one, methods=["GET"]),
            Route("/findings/{uid}/verdict", self._judge, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        given = {name: request.query_params.get(name, "").strip() for name in findings.FindingSearch.__struct_fields__}
        if not request.query_params:
            given |= {"kind": "alert", "state": "open"}
        asked = findings.FindingSearch(**given)
        rows, following = await anyio.to_thread.run_sync(findings.search, self._database, asked)
        policies = await anyio.to_thread.run_sync(findings.policies, self._database)
        return render(
            request,
            "findings",
            rows=rows,
            asked=given,
            kinds=findings.KINDS,
            states=findings.STATES,
            policies=policies,
            following=address("/findings", (given | {"before": following}).items()) if following else "",
        )

    async def _one(self, request: Request) -> Response:
        said = await self._records(request)
        latest = said[-1].finding
        around, suppressed = await anyio.to_thread.run_sync(self._surroundings, latest)
        travelled = journey.journey_of(latest)
        return render(
            request,
            "finding",
            found=latest,
            records=said,
            numbers=_numbers(latest),
            journey=travelled,
            map=_map(latest, travelled),
            around=around,
            most=AROUND_ROWS,
            evidence_ids={evidence.uid for evidence in latest.evidences},
            suppressed=[row for row in suppressed if row["uid"] != latest.finding_info.uid],
            closed=latest.unmapped.step == "close",
            refusal=_refusal(latest),
            offered=OFFERED if self._can_act and person_of(latest) else (),
            person=person_of(latest),
            why_chars=WHY_CHARS,
            opinions=OPINIONS,
            comment_chars=COMMENT_CHARS,
            from_=stamp(latest.start_time - AROUND_MS),
            until=stamp(latest.end_time + AROUND_MS),
            told=request.query_params.get("told", ""),
        )

    async def _records(self, request: Request) -> list[findings.Record]:
        uid = request.path_params["uid"]
        said = await anyio.to_thread.run_sync(findings.records, self._database, uid)
        if not said:
            raise HTTPException(404, "No such finding")
        return said

    def _surroundings(self, found: Finding) -> tuple[list[dict[str, Any]], list[findings.Row]]:
        key = found.unmapped.user_key
        if not key:
            return [], []
        start, end = found.start_time, found.end_time + 1
        around = Search(
            user_key=key, from_ms=start - AROUND_MS, until_ms=end + AROUND_MS, columns=TIMELINE, newest_first=False
        )
        suppressed = findings.of_user(self._database, key, start - SUPPRESSED_MS, end + SUPPRESSED_MS, "suppressed")
        return page(self._database, around, AROUND_ROWS).rows, suppressed

    async def _judge(self, request: Request) -> Response:
        latest = (await self._records(request))[-1].finding
        verdict = _verdict(request, latest)
        check_sayable(verdict)
        written = await self._publish(verdict)
        told = f"{written.topic}/{written.partition}/{written.offset}"
        return RedirectResponse(address(f"/findings/{latest.finding_info.uid}", [("told", told)]), 303)


def _verdict(request: Request, found: Finding) -> Verdict:
    """What the form says. Raises Refused."""
    form, session = request.state.form, request.state.session
    if session is None:
        raise Refused("a verdict needs a person who says it: sign in, or use egnyte-watch alerts close")
    if form.get("sure") != "yes":
        raise Refused("tick that you are sure: a verdict is kept in the audit trail for good")
    choice, comment = form.get("said", ""), form.get("comment", "").strip()
    opinion: Opinion | None = next((each for each in OPINIONS if each == choice), None)
    said: Said = "close" if opinion else "reopen"
    if said == "reopen" and choice != "reopen":
        raise Refused(f"{choice!r} is no verdict: expected reopen or one of {', '.join(OPINIONS)}")
    if len(comment) > COMMENT_CHARS:
        raise Refused(f"the comment has {len(comment):,} characters, at most {COMMENT_CHARS:,} are kept")
    return Verdict(said=said, opinion=opinion, by=session.user[:BY_CHARS], comment=comment, finding=found)


def _refusal(found: Finding) -> str:
    """Why nothing can be said about it; empty where something can."""
    said: Said = "reopen" if found.unmapped.step == "close" else "close"
    try:
        check_sayable(Verdict(said=said, opinion="benign" if said == "close" else None, by="-", finding=found))
    except Refused as error:
        return str(error)
    return ""


class NumberRow(msgspec.Struct, frozen=True):
    """A number of the reason: what was measured, what was seen, what is usual or allowed."""

    name: str
    seen: str
    usual: str


def _numbers(found: Finding) -> list[NumberRow]:
    made = []
    for analysis in found.anomaly_analyses:
        usual = {
            each.observation_parameter: ", ".join(_figure(o.value) for o in each.observations)
            for each in analysis.baselines
        }
        for each in analysis.anomalies:
            seen = ", ".join(_figure(observed.value) for observed in each.observations)
            made.append(NumberRow(each.observation_parameter, seen, usual.get(each.observation_parameter, "")))
    return made


def _figure(text: str) -> str:
    """A number as people read it, `8,143`; what is none, as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"


def _map(found: Finding, travelled: journey.Journey | None) -> Drawing | None:
    """The journey, or else where the evidence comes from."""
    if travelled is not None:
        ends = (travelled.earlier, travelled.later)
        spots = [Spot(e.latitude, e.longitude, f"{wording.plain(e.city)} {wording.clock(e.time_ms)}") for e in ends]
        return drawing(spots, f"Map of the journey from {ends[0].name} to {ends[1].name}", joined=True)
    places = {}
    for evidence in found.evidences:
        location = evidence.src_endpoint and evidence.src_endpoint.location
        if location and location.lat is not None and location.long is not None:
            name = wording.place(location.city, location.country)
            places[location.lat, location.long] = Spot(location.lat, location.long, name)
    told = "Map of where the evidence comes from: " + ", ".join(spot.label for spot in places.values())
    return drawing(list(places.values()), told)
