"""A public link that spreads: opened without an account from many networks within a day."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta, structs

from detections import visits
from detections.assaults import evidence
from detections.model import (
    DAY_MS,
    HOUR_MS,
    Candidate,
    Concerned,
    Evidence,
    Metadata,
    Number,
    Raise,
    Severity,
    Step,
    Technique,
)
from detections.reputation import OWN_CATEGORIES
from detections.settings import PolicySettings
from detections.sources import Source, Spread, Visits
from detections.state import goes_on
from detections.wording import clock, count, plain
from schemas.activity import IpCategory
from schemas.attempt import Attempt, By


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    raises: Raise = "behavior"
    severity: Severity = "low"
    worldwide_severity: Severity = "medium"
    min_networks: Annotated[int, Meta(ge=2, le=256)] = 20
    per_provider: Annotated[int, Meta(ge=1, le=256)] = 5
    worldwide_countries: Annotated[int, Meta(ge=2, le=32)] = 5
    machine_categories: tuple[IpCategory, ...] = ("cloud",)
    machine_tags: tuple[str, ...] = ("hosting", "gateway", "relay")
    own_categories: tuple[IpCategory, ...] = OWN_CATEGORIES
    upload_links: bool = False


class LinkSpread:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="link_spread",
        version="1.0",
        title="Public link opened from many networks",
        description=(
            "A public link is opened from many different networks within a day: it has been passed on, or posted where "
            "everybody sees it. More severe where it is opened in many countries."
        ),
        techniques=(
            Technique("T1567", "Exfiltration Over Web Service", "TA0010", "Exfiltration"),
            Technique("T1213", "Data from Information Repositories", "TA0009", "Collection"),
        ),
        severity="low",
        raises="behavior",
        false_positives=(
            "A link that is meant for many: in a newsletter, a tender, on a web page.",
            "Machines that open links in mails before people do, in networks that are not listed as such.",
        ),
        triage=(
            "Ask who made the link whom it was for. Look what lies behind it, and whether it asks for a password or "
            "ends some day."
        ),
        remediation="Delete the link, or give it a password and a last day; send a new one to whom it was meant for.",
    )
    by: ClassVar[By] = "link"
    settings: Settings

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._tags = frozenset(self.settings.machine_tags)
        self._left_out = frozenset((*self.settings.machine_categories, *self.settings.own_categories))

    def judge(self, attempt: Attempt, source: Source) -> Sequence[Candidate]:
        """Candidates for `attempt`: one finding a day, updated at doublings and once it is many countries."""
        if attempt.by != self.by or not self._counts(attempt):
            return ()
        if source.visits is None:
            source.visits = Visits()
        kept = source.visits
        news = visits.visited(kept, attempt)
        spread = kept.spread
        if spread is not None and not goes_on(spread.first.first_ms, attempt.time_ms):
            kept.spread = spread = None
            news = True
        if spread is not None:
            spread.count += 1
            spread.last_ms = max(spread.last_ms, attempt.time_ms)
        if not news:
            return ()
        networks = visits.networks(kept, self.settings.per_provider)
        worldwide = visits.countries(kept) >= self.settings.worldwide_countries
        if spread is None:
            if networks < self.settings.min_networks:
                return ()
            kept.spread = spread = self._begun(kept, attempt, networks)
            step: Step = "create"
        else:
            if networks < 2 * spread.told and (spread.worldwide or not worldwide):
                return ()
            step = "update"
        spread.told = max(spread.told, networks)
        spread.worldwide = spread.worldwide or worldwide
        return (self._candidate(step, attempt, kept, spread, networks),)

    def _counts(self, attempt: Attempt) -> bool:
        """Machines that look into links before people do don't count, nor the company itself, nor who brings files."""
        if attempt.category in self._left_out or not self._tags.isdisjoint(attempt.tags):
            return False
        return self.settings.upload_links or "upload" not in attempt.action.casefold()

    @staticmethod
    def _begun(kept: Visits, attempt: Attempt, networks: int) -> Spread:
        marks = [each for each in kept.marks if each.number >= (kept.newest_ms - DAY_MS) // HOUR_MS]
        return Spread(
            first=structs.replace(marks[0]),
            last_ms=max(kept.newest_ms, attempt.time_ms),
            count=sum(each.count for each in marks),
            told=networks,
            worldwide=False,
        )

    def _candidate(self, step: Step, attempt: Attempt, kept: Visits, spread: Spread, networks: int) -> Candidate:
        first, here = spread.first, evidence(attempt)
        begun = Evidence(first.first_id, first.first_ms, attempt.type, first.first_ip, path=attempt.path)
        begun = structs.replace(begun, user=first.first_user)
        shown = (here,) if here.event_id == begun.event_id else (begun, here)
        countries, providers = visits.countries(kept), visits.providers(kept)
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=first.first_id,
            severity=self.settings.worldwide_severity if spread.worldwide else self.settings.severity,
            raises=self.settings.raises,
            message=self._message(step, attempt, kept, spread, networks),
            first_ms=first.first_ms,
            last_ms=spread.last_ms,
            count=spread.count,
            numbers=(
                Number("networks", networks, self.settings.min_networks, "networks"),
                Number("providers", providers, None, "providers"),
                Number("countries", countries, None, "countries"),
                Number("openings", spread.count, None, "openings"),
            ),
            evidence=tuple(sorted(shown, key=lambda each: each.time_ms)),
            concerned=(Concerned("link", attempt.link, (f"opened from {count(networks, 'network')}",)),),
        )

    def _message(self, step: Step, attempt: Attempt, kept: Visits, spread: Spread, networks: int) -> str:
        first_ms = spread.first.first_ms
        least = "at least " if kept.lost_ms >= first_ms else ""
        text = f"{plain(attempt.path or attempt.link)} was opened by its link from {least}{count(networks, 'network')}"
        if providers := visits.providers(kept):
            text += f" of {count(providers, 'provider')}"
        if countries := visits.countries(kept):
            text += f" in {count(countries, 'country', 'countries')}"
        text += f", {count(spread.count, 'time')}, from {clock(first_ms)} to {clock(spread.last_ms, first_ms)}"
        return f"{text}; {self.settings.min_networks} within a day are many." if step == "create" else f"{text}."
