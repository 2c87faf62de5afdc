"""JSON Schemas (2020-12) of what travels. Only keywords that draft-07 has too, since most AsyncAPI tools read that."""

import inspect
from typing import Any, Final

import msgspec

from schemas.activity import Activity
from schemas.attempt import Attempt
from schemas.connector import CursorRecord, HistoryRequest, StatusRecord
from schemas.dead_letter import DeadLetter
from schemas.directory import DirectoryChange, DirectoryRecord, SourceRecord
from schemas.event import Envelope
from schemas.finding import Finding
from schemas.governance import GovernanceRecord
from schemas.mark import Mark
from schemas.meta import Meta
from schemas.profile import ProfileRecord
from schemas.rejection import RejectionRecord
from schemas.verdict import Verdict

Document = dict[str, Any]
Headers = tuple[tuple[str, bytes], ...]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_WHOLE_NUMBER: Final = "^-?[0-9]+$"


def json_schemas() -> dict[str, Document]:
    """The schema of each topic, by the topic's name; of `meta`, verdicts, marks and changes of the directory, by their
    own."""
    envelope = Envelope(connector="", event_id="")
    letter = DeadLetter.of(None, topic="", partition=0, offset=0, stage="", error="")
    return {
        "events": _headers_schema(
            "Headers of a record on events; its value is as it came", envelope, envelope.to_headers()
        ),
        "activities": _schema("Value of a record on activities", Activity),
        "attempts": _schema("Value of a record on attempts", Attempt),
        "alerts": _findings_schema("Value of a record on alerts", is_alert=True),
        "behaviors": _findings_schema("Value of a record on behaviors", is_alert=False),
        "connectors": _schema(
            "Value of a record on connectors", CursorRecord, StatusRecord, HistoryRequest, RejectionRecord
        ),
        "profile": _schema("Value of a record on profile", ProfileRecord),
        "directory": _schema("Value of a record on directory", DirectoryRecord, SourceRecord),
        "directory-change": _schema("Value of an event of source `directory` on events", DirectoryChange),
        "verdict": _schema("Value of an event of source `verdict` on events", Verdict),
        "mark": _schema("Value of an event of source `mark` on events", Mark),
        "governance": _schema("Value of a record on governance", GovernanceRecord),
        "dead-letters": _headers_schema(
            "Headers of a record on dead-letters; its value is the first 64 kB of what was refused",
            letter,
            letter.to_headers(),
        ),
        "meta": _schema("Value (msgpack) of the meta record of a changelog partition", Meta),
    }


def _schema(title: str, *types: type[msgspec.Struct]) -> Document:
    described = tuple(_describable(each) for each in types)
    references, definitions = msgspec.json.schema_components(described, ref_template="#/$defs/{name}")
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    if len(types) > 1:
        return {"$schema": _DIALECT, "title": title, "anyOf": list(references), "$defs": definitions}
    whole = definitions.pop(types[0].__name__)
    document = {"$schema": _DIALECT, **whole, "title": title}
    return {**document, "$defs": definitions} if definitions else document


def _findings_schema(title: str, *, is_alert: bool) -> Document:
    document = _schema(title, Finding)
    document["properties"]["is_alert"] = {"type": "boolean", "const": is_alert}
    return document


def _headers_schema(title: str, example: msgspec.Struct, headers: Headers) -> Document:
    """Headers as they travel: named as `headers` names them (in the order of the fields), all of them UTF-8 text."""
    definition = _schema(title, type(example))
    named = dict(zip(example.__struct_fields__, (name for name, _ in headers), strict=True))
    properties = {
        named[field]: {"type": "string", "pattern": _WHOLE_NUMBER} if rule["type"] == "integer" else {"type": "string"}
        for field, rule in definition["properties"].items()
    }
    return {
        "$schema": _DIALECT,
        "title": title,
        "description": definition["description"],
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _describable(struct: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """`struct`, with fields of msgspec.Raw as any JSON: msgspec refuses to describe their default."""
    fields = msgspec.structs.fields(struct)
    if not any(field.type is msgspec.Raw for field in fields):
        return struct
    changed = [(field.name, Any, None) for field in fields if field.type is msgspec.Raw]
    return msgspec.defstruct(
        struct.__name__,
        changed,
        bases=(struct,),
        namespace={"__doc__": struct.__doc__},
        module=struct.__module__,
        kw_only=True,
    )
