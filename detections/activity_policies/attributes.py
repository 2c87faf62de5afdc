"""What a filter can ask about: each attribute of an activity, how it is read, and what values it can have."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal, get_args

from detections.activity_policies.moments import WEEKDAYS
from schemas.activity import FLAGS, TYPES, Activity, IpCategory, Outcome, Person, PersonKind

Kind = Literal["text", "path", "texts", "choice", "choices", "flag", "number", "address", "span", "weekday"]
"""`texts`, `choices`: several values, of which one is enough. `path`: begins with `/`."""

JUDGED_TYPES: Final = tuple(each for each in TYPES if each not in ("directory", "verdict", "mark"))
"""What people and programs do at Egnyte. Directory changes, verdicts and marks are no activities of the user's own."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `read`: its value (empty, -1 or None where it is missing). `needs`: what it can't be known
    without."""

    kind: Kind
    about: str
    read: Callable[[Activity], Any]
    choices: tuple[str, ...] = ()
    needs: Literal["", "directory", "domains"] = ""


def _names(person: Person | None) -> tuple[str, ...]:
    return () if person is None else (person.email, person.name, person.user_id)


def _domain(person: Person | None) -> str:
    return "" if person is None else person.email.rpartition("@")[2]


def name_of(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def extension_of(path: str) -> str:
    """What follows the last dot of a name, `xlsx`; empty where there is none."""
    _, dot, extension = path.rpartition(".")
    return extension if dot and "/" not in extension else ""


class _FreeText:
    """All texts of an activity in one. It is put together once for all policies that look at it, one after another."""

    def __init__(self) -> None:
        self._of: Activity | None = None
        self._text = ""

    def __call__(self, activity: Activity) -> str:
        if activity is not self._of:
            texts = (
                activity.action, activity.path, activity.target_path, activity.info, activity.client, activity.group,
                *_names(activity.actor), *_names(activity.subject), activity.place.city, activity.network.organisation,
            )  # fmt: skip
            self._of, self._text = activity, "\n".join(texts)
        return self._text


EXTERNAL_USERS: Final = "External users"
"""The group of all who are no members of the organisation, in Defender's words."""


def groups_of(activity: Activity) -> tuple[str, ...]:
    """The groups that the actor is in, by the directory."""
    account = activity.account
    if account is None:
        return ()
    return (*account.groups, EXTERNAL_USERS) if account.external else account.groups


def _of_account(field: str) -> Callable[[Activity], Any]:
    read = attrgetter(field)
    return lambda activity: read(activity.account) if activity.account is not None else None


def _text_of_account(field: str) -> Callable[[Activity], str]:
    read = attrgetter(field)
    return lambda activity: read(activity.account) if activity.account is not None else ""


_CATEGORIES: Final = tuple(each for each in get_args(IpCategory) if each)

ATTRIBUTES: Final[dict[str, Attribute]] = {
    # who
    "actor": Attribute("texts", "who did it: e-mail, name or Egnyte's id", lambda a: _names(a.actor)),
    "subject": Attribute("texts", "to whom it was done: e-mail, name or id", lambda a: _names(a.subject)),
    "person": Attribute("texts", "actor or subject", lambda a: _names(a.actor) + _names(a.subject)),
    "actor_kind": Attribute("choice", "what the actor is", attrgetter("actor.kind"), get_args(PersonKind)),
    "domain": Attribute("text", "the domain of the actor's e-mail", lambda a: _domain(a.actor)),
    "subject_domain": Attribute("text", "the domain of the subject's e-mail", lambda a: _domain(a.subject)),
    "external": Attribute(
        "flag",
        "whether the actor is no member of the organisation: by the directory, or by the e-mail's domain",
        attrgetter("actor.email"),
        needs="domains",
    ),
    "subject_external": Attribute(
        "flag",
        "whether the subject's e-mail is of a foreign domain",
        lambda a: "" if a.subject is None else a.subject.email,
        needs="domains",
    ),
    "actor_group": Attribute("texts", "groups that the actor is in", groups_of, needs="directory"),
    "user_type": Attribute(
        "text", "the actor's type at Egnyte: admin, power, standard", _text_of_account("user_type"), needs="directory"
    ),
    "auth_type": Attribute(
        "text", "how Egnyte lets the actor in: egnyte, ad, sso", _text_of_account("auth_type"), needs="directory"
    ),
    "guest": Attribute("flag", "whether the actor is a guest in Entra ID", _of_account("guest"), needs="directory"),
    "privileged": Attribute(
        "flag", "whether the actor holds a privileged role", _of_account("privileged"), needs="directory"
    ),
    # what
    "type": Attribute("choice", "generic activity type", attrgetter("type"), JUDGED_TYPES),
    "action": Attribute("text", "Egnyte's action, as written there", attrgetter("action")),
    "audit_source": Attribute("text", "Egnyte's audit source, such as FILE_AUDIT", attrgetter("audit_source")),
    "outcome": Attribute("choice", "how it went", attrgetter("outcome"), get_args(Outcome)),
    "administrative": Attribute("flag", "whether it changes people, groups or settings", attrgetter("administrative")),
    "interactive": Attribute("flag", "whether a person was at work, not a program", attrgetter("interactive")),
    "info": Attribute("text", "Egnyte's further information", attrgetter("info")),
    "group": Attribute("text", "the group that was changed", attrgetter("group")),
    "flag": Attribute("choices", "why the activity is less than whole", attrgetter("flags"), FLAGS),
    "text": Attribute("text", "words anywhere in paths, names, action, information, client", _FreeText()),
    # to what
    "path": Attribute("path", "the file or folder", attrgetter("path")),
    "name": Attribute("text", "the last part of the path", lambda a: name_of(a.path)),
    "extension": Attribute("text", "what follows the last dot of the name", lambda a: extension_of(a.path)),
    "target_path": Attribute("text", "where it was moved or copied to, or the link", attrgetter("target_path")),
    "target_name": Attribute("text", "the last part of the target path", lambda a: name_of(a.target_path)),
    "target_extension": Attribute("text", "of the target's name", lambda a: extension_of(a.target_path)),
    # from where
    "ip": Attribute("address", "the address, alone or as a CIDR block", attrgetter("ip")),
    "ip_category": Attribute("choice", "of the IP lists", attrgetter("network.category"), _CATEGORIES),
    "ip_tag": Attribute("texts", "tags of the IP lists, such as tor", attrgetter("network.tags")),
    "country": Attribute("text", "two letters, ISO 3166-1", attrgetter("place.country")),
    "city": Attribute("text", "as the geo-IP database writes it", attrgetter("place.city")),
    "asn": Attribute("number", "AS number of the provider", lambda a: a.network.asn or -1),
    "isp": Attribute("text", "registered provider", attrgetter("network.organisation")),
    "client": Attribute("text", "the client, as Egnyte writes it", attrgetter("client")),
    "country_users": Attribute(
        "number", "users of this country in the last 30 days", attrgetter("knowledge.country_users")
    ),
    "asn_users": Attribute("number", "users of this provider in the last 30 days", attrgetter("knowledge.asn_users")),
    "client_users": Attribute(
        "number", "users of this client in the last 30 days", attrgetter("knowledge.client_users")
    ),
    # when
    "time": Attribute("span", "time of day, such as 22:00-06:00, in the policy's zone", attrgetter("time_ms")),
    "weekday": Attribute("weekday", "in the policy's zone", attrgetter("time_ms"), WEEKDAYS),
}  # fmt: skip

_TEXT: Final = ("eq", "contains", "startswith", "endswith", "glob")
_POSITIVE: Final[dict[Kind, tuple[str, ...]]] = {
    "text": _TEXT,
    "texts": _TEXT,
    "path": (*_TEXT, "under"),
    "choice": ("eq",),
    "choices": ("eq",),
    "flag": ("eq",),
    "number": ("eq", "lt", "lte", "gt", "gte"),
    "address": ("eq", "in", "startswith"),
    "span": ("in",),
    "weekday": ("eq", "in"),
}
_ALWAYS_THERE: Final = ("flag", "span", "weekday")
_COMPARED: Final = ("lt", "lte", "gt", "gte")


def negation(operator: str) -> str:
    """The operator that says the opposite."""
    return "neq" if operator == "eq" else f"not_{operator}"


def operators(name: str, attribute: Attribute) -> dict[str, tuple[str, bool]]:
    """The operators of an attribute: each by its name, as a positive operator and whether it is denied."""
    found = {each: (each, False) for each in _POSITIVE[attribute.kind]}
    found |= {negation(each): (each, True) for each in _POSITIVE[attribute.kind] if each not in _COMPARED}
    if attribute.kind not in _ALWAYS_THERE:
        found |= {"is_set": ("is_set", False), "is_not_set": ("is_set", True)}
    if name == "client":
        found |= {"is_new": ("is_new", False)}
    return found
