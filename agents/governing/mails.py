"""What is written to people: templates, filled with the facts of an action. Others' words are escaped."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from schemas.governance import GovernanceRecord

SUBJECTS: Final = {"notify_user": "Unusual activity of your account", "notify": "egnyte-watch: {why}"}
SUBJECT_CHARS: Final = 200


class Letter(msgspec.Struct, frozen=True):
    """A message in both forms."""

    subject: str
    text: str
    html: str


_templates: Final = Environment(
    loader=PackageLoader("agents.governing", "templates"),
    autoescape=select_autoescape(enabled_extensions=("html.j2",)),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)


def letter_of(record: GovernanceRecord) -> Letter:
    """The message of an action `notify_user` or `notify`."""
    facts: dict[str, object] = msgspec.to_builtins(record)
    why = record.why or "unusual activity"
    found = datetime.fromtimestamp(record.found_ms / 1_000, UTC).strftime("%d %B %Y %H:%M") if record.found_ms else ""
    facts |= {"why": why, "found": found}
    # One line each: what others have named themselves can't begin a paragraph of ours.
    facts = {name: " ".join(fact.split()) if isinstance(fact, str) else fact for name, fact in facts.items()}
    text, html = (_templates.get_template(f"{record.action}.{form}.j2").render(facts) for form in ("txt", "html"))
    subject = " ".join(SUBJECTS[record.action].replace("{why}", why).split())
    return Letter(subject[:SUBJECT_CHARS], text, html)
