"""The topics as consumers see them: what is on them, by which key, for how long.

`streams.topics` is what creates them; a test proves that both say the same.
"""

from typing import Final, Literal

import msgspec

PREFIX: Final = "egnyte"
"""Default of the setting `kafka.topic_prefix`."""
_DAY_MS: Final = 86_400_000
_PARTITIONS: Final = 12
_USER_KEY: Final = "The user key: `<connector>/<normalised e-mail>`, lower case."
_FINDING_KEY: Final = "The finding's uid, `finding_info.uid`; its partition is the user key's."


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of record on a channel. `value`, `headers`: which of the generated schemas, with a pointer into it."""

    name: str
    title: str
    summary: str
    key: str
    content_type: str = "application/json"
    value: str = ""
    headers: str = ""
    may_be_replayed: bool = False


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. `kept_ms`: None where it is compacted instead. `internal`: not for consumers."""

    name: str
    address: str
    title: str
    description: str
    records: tuple[Record, ...]
    kept_ms: int | None
    partitions: int = _PARTITIONS
    internal: bool = False

    @property
    def cleanup(self) -> Literal["delete", "compact"]:
        """Kafka's `cleanup.policy`."""
        return "compact" if self.kept_ms is None else "delete"


def _finding(name: str, title: str, summary: str) -> Record:
    return Record(
        name=name, title=title, summary=summary, key=_FINDING_KEY, value=f"{name}s.schema.json", may_be_replayed=True
    )


CHANNELS: Final = (
    Channel(
        name="alerts",
        address="{prefix}.alerts",
        title="Alerts",
        description="Suspicious, and worth a person. Record timestamp: event time.",
        records=(_finding("alert", "Alert", "An OCSF 1.8.0 Detection Finding with `is_alert: true`."),),
        kept_ms=180 * _DAY_MS,
    ),
    Channel(
        name="behaviors",
        address="{prefix}.behaviors",
        title="Behaviors",
        description=(
            "Suspicious, not worth a person by itself; and what was suppressed, with its reason. "
            "Record timestamp: event time."
        ),
        records=(_finding("behavior", "Behavior", "An OCSF 1.8.0 Detection Finding with `is_alert: false`."),),
        kept_ms=90 * _DAY_MS,
    ),
    Channel(
        name="activities",
        address="{prefix}.activities",
        title="Activities",
        description="The audit trail: every event, normalised and located. Record timestamp: event time.",
        records=(
            Record(
                name="activity",
                title="Activity",
                summary="One normalised event, with what was known when it came; `raw` is the event itself.",
                key=_USER_KEY,
                value="activities.schema.json",
            ),
        ),
        kept_ms=180 * _DAY_MS,
    ),
    Channel(
        name="attempts",
        address="{prefix}.attempts",
        title="Attempts",
        description=(
            "Failed and successful logins, by network and all together, and the use of public links, by link. "
            "Record timestamp: event time."
        ),
        records=(
            Record(
                name="attempt",
                title="Attempt",
                summary="One login, failed login or access by link, as one of its sources sees it; `by` says which.",
                key="`<connector>/<prefix>`, `<connector>/logins` or `<connector>/link/<32 hex digits>`.",
                value="attempts.schema.json",
            ),
            Record(
                name="passedVerdict",
                title="Verdict on a network or a link",
                summary="With the header `source: verdict`: what a person says about a finding of this key.",
                key="As of the attempts that the finding is about.",
                value="verdict.schema.json",
            ),
        ),
        kept_ms=30 * _DAY_MS,
    ),
    Channel(
        name="events",
        address="{prefix}.events",
        title="Events",
        description="What happened to a user, as it came. Record timestamp: when it was received.",
        records=(
            Record(
                name="event",
                title="Event",
                summary="The source's own JSON, untouched; what it is, the headers say.",
                key=_USER_KEY,
                headers="events.schema.json",
            ),
            Record(
                name="directoryChange",
                title="Change of the directory",
                summary="Of source `directory`: one thing that changed of one person, dated by when it happened.",
                key=_USER_KEY,
                value="directory-change.schema.json",
                headers="events.schema.json",
            ),
            Record(
                name="verdict",
                title="Verdict",
                summary="Of source `verdict`: what a person says about a finding, with the finding as it stood.",
                key="The user key; of a finding about a network or a link, the key of its attempts.",
                value="verdict.schema.json",
                headers="events.schema.json",
            ),
            Record(
                name="mark",
                title="Mark",
                summary="Of source `mark`: what a person says about an address or a network.",
                key="`console/marks`, of all.",
                value="mark.schema.json",
                headers="events.schema.json",
            ),
        ),
        kept_ms=30 * _DAY_MS,
    ),
    Channel(
        name="profile",
        address="{prefix}.profile",
        title="Profile",
        description=(
            "How many distinct users use a country, a provider, a client; the latest record by key counts. Users are "
            "spread over the partitions: add up the numbers of a value's partitions."
        ),
        records=(
            Record(
                name="profile",
                title="Users of a value",
                summary="By day, and by the 30 days that end with a day, as far as one partition knows them.",
                key="`<connector>/<kind>/<value>/<partition>`",
                value="profile.schema.json",
                may_be_replayed=True,
            ),
        ),
        kept_ms=None,
    ),
    Channel(
        name="directory",
        address="{prefix}.directory",
        title="Directory",
        description="People, as Entra ID and Egnyte know them; the latest record by key is all there is to know.",
        records=(
            Record(
                name="directoryRecord",
                title="Alias of a person",
                summary="Who is called so. The record at the person's own e-mail also holds what each source said.",
                key="`<connector>/<alias>`: an address, or `~name-`, `~id-`, `~idp-`, `~entra-` and the name.",
                value="directory.schema.json#/$defs/DirectoryRecord",
            ),
            Record(
                name="directorySource",
                title="Source of people",
                summary="How far a source has been read; only the connector itself writes it.",
                key="`<connector>/~source-<name>`",
                value="directory.schema.json#/$defs/SourceRecord",
            ),
        ),
        kept_ms=None,
    ),
    Channel(
        name="governance",
        address="{prefix}.governance",
        title="Governance",
        description=(
            "What was done about findings, by whom, why, and what became of it; the latest record of a key is where an "
            "action stands. Record timestamp: when it came to that."
        ),
        records=(
            Record(
                name="governanceRecord",
                title="State of an action",
                summary="An action was requested, started, done, skipped or undone, or failed; `reason` says why.",
                key="The action's uid, `uid`; its partition is the connector's.",
                value="governance.schema.json",
            ),
        ),
        kept_ms=400 * _DAY_MS,
    ),
    Channel(
        name="connectors",
        address="{prefix}.connectors",
        title="Connectors",
        description="Where each connector stands; the latest record by key is all there is to know.",
        records=(
            Record(
                name="connectorStatus",
                title="Connector status",
                summary="How a connector fares, for people.",
                key="`<connector>/status`",
                value="connectors.schema.json#/$defs/StatusRecord",
            ),
            Record(
                name="connectorCursor",
                title="Connector cursor",
                summary="All that a connector needs to go on; only the connector itself writes it.",
                key="`<connector>/cursor`",
                value="connectors.schema.json#/$defs/CursorRecord",
            ),
            Record(
                name="policyRejection",
                title="Rejected policy files",
                summary="Which episode of rejected policy files it is; only the worker on duty writes it.",
                key="`@policies/rejection`",
                value="connectors.schema.json#/$defs/RejectionRecord",
            ),
            Record(
                name="connectorRequest",
                title="Request to a connector",
                summary="Older events are asked for, before the stream begins; written by `egnyte-watch`.",
                key="`<connector>/request`",
                value="connectors.schema.json#/$defs/HistoryRequest",
            ),
        ),
        kept_ms=None,
    ),
    Channel(
        name="dead-letters",
        address="{prefix}.dead-letters",
        title="Dead letters",
        description="What could not be processed: the first 64 kB of it, in the partition it came in, and why.",
        records=(
            Record(
                name="deadLetter",
                title="Dead letter",
                summary="The beginning of the refused value, as bytes; where it came from and why, the headers say.",
                key="As it came.",
                content_type="application/octet-stream",
                headers="dead-letters.schema.json",
            ),
        ),
        kept_ms=30 * _DAY_MS,
    ),
    Channel(
        name="changelog",
        address="{prefix}-watch-{agent}-changelog",
        title="Changelog of an agent's table",
        description="Internal: its layout may change with any release.",
        records=(
            Record(
                name="meta",
                title="Meta record",
                summary="Up to which input offset the state of this partition is true.",
                key="NUL and `meta`.",
                content_type="application/msgpack",
                value="meta.schema.json",
            ),
        ),
        kept_ms=None,
        internal=True,
    ),
)
