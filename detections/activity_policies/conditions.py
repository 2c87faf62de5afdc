"""One condition of a filter, compiled: an attribute, an operator, and its OR-ed values."""

import functools
import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import tzinfo
from operator import attrgetter
from typing import Final, NamedTuple

from detections import history
from detections.activity_policies import patterns
from detections.activity_policies.attributes import Attribute
from detections.activity_policies.clients import used_before
from detections.activity_policies.document import Reader, Scalar, Value
from detections.activity_policies.moments import on_weekdays, span_of, within
from detections.activity_policies.organisation import Organisation
from detections.model import DAY_MS, attributable
from detections.state import UserState
from schemas.activity import Activity

Test = Callable[[Activity, UserState], bool]
MAX_VALUES: Final = 2_000
_SELDOM_REFUSES: Final = 5
"""Most activities are successful, interactive, not administrative: such tests let few go, however cheap they are."""
ADDRESSES_REMEMBERED: Final = 1_024
"""Of each policy that asks for blocks of them; about 100 KiB."""
LEARNING_DAYS: Final = 7
LEARNING_LOGINS: Final = 10
"""Until a user is known that well, nothing is new: as for impossible travel."""

_TEXT_TESTS: Final[dict[str, tuple[int, Callable[[Sequence[str]], patterns.TextTest]]]] = {
    "eq": (2, patterns.equals),
    "startswith": (2, patterns.starts_with),
    "endswith": (2, patterns.ends_with),
    "under": (3, patterns.under),
    "contains": (6, patterns.contains_words),
    "glob": (6, patterns.matches_glob),
}
_INLINE: Final = ("eq", "startswith", "endswith")
_EXTENSIONS: Final[dict[str, Callable[[Activity], str]]] = {
    "extension": attrgetter("path"),
    "target_extension": attrgetter("target_path"),
}
"""Where extensions are read from, past the general way: what has no dot, or none in its name, is no extension and so
in no list of them."""
_COMPARISONS: Final[dict[str, Callable[[int, Sequence[int]], bool]]] = {
    "eq": lambda number, limits: number in limits,
    "lt": lambda number, limits: number < limits[0],
    "lte": lambda number, limits: number <= limits[0],
    "gt": lambda number, limits: number > limits[0],
    "gte": lambda number, limits: number >= limits[0],
}
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")


class Weighed(NamedTuple):
    """A test, and when to ask it: the lower, the earlier, for it is cheap and lets most activities go."""

    weight: int
    test: Test


def is_new_client(activity: Activity, user: UserState) -> bool:
    """Whether the user did not work with this client on any of the 30 days before, and is known well enough."""
    if not activity.client or not attributable(activity):
        return False
    day = activity.time_ms // DAY_MS
    if used_before(user.activity_policies, activity.client, day):
        return False
    return history.learning(user, day).complete(LEARNING_DAYS, LEARNING_LOGINS)


def condition(
    name: str, attribute: Attribute, operator: str, value: Value, field: str, reader: Reader,
    organisation: Organisation, zone: tzinfo,
) -> Weighed | None:  # fmt: skip
    """The test that `value` asks for by the positive `operator`; None where it is wrong, which goes to `reader`."""
    read = attribute.read
    if operator in ("is_set", "is_new") or attribute.kind == "flag":
        wanted = reader.flag(value, field)
        if wanted is None:
            return None
        if operator == "is_new":
            return Weighed(8, lambda activity, user: is_new_client(activity, user) is wanted)
        if operator == "is_set":
            return _whether_set(attribute, wanted)
        if attribute.needs == "domains":
            by_account = name == "external"
            return _external(read, value, field, wanted, reader, organisation, by_account=by_account)
        return Weighed(_SELDOM_REFUSES, lambda activity, _: read(activity) is wanted)
    values = reader.texts(value, field)
    if len(values) > MAX_VALUES:
        reader.wrong(value.line, field, f"has {len(values):,} values", f"at most {MAX_VALUES:,}")
        return None
    if not values:
        return None
    match attribute.kind:
        case "choice" | "choices":
            return _choice(attribute, values, field, reader)
        case "number":
            return _number(read, operator, values, field, reader)
        case "address":
            return _address(operator, values, field, reader)
        case "span":
            return _span(values, field, reader, zone)
        case "weekday":
            names = [text for text, line in values if reader.one_of(text, line, field, attribute.choices)]
            on_days = on_weekdays(names, zone) if names else None
            return None if on_days is None else Weighed(10, lambda activity, _: on_days(activity.time_ms))
    return _text(name, attribute, operator, values, field, reader)


def _whether_set(attribute: Attribute, wanted: bool) -> Weighed:
    read = attribute.read
    if attribute.kind == "number":
        return Weighed(1, lambda activity, _: (read(activity) >= 0) is wanted)
    if attribute.kind == "texts":
        return Weighed(2, lambda activity, _: any(read(activity)) is wanted)
    return Weighed(1, lambda activity, _: bool(read(activity)) is wanted)


def _external(
    read: Callable[[Activity], str], value: Value, field: str, wanted: bool, reader: Reader,
    organisation: Organisation, *, by_account: bool,
) -> Weighed:  # fmt: skip
    """Whether somebody is an outsider: as the directory says where it knows the actor, else by the e-mail's domain."""
    domains = tuple(sorted(organisation.domains))
    if not domains and not (by_account and organisation.directory):
        advice = "name your domains in organisation.yaml; until then it never matches"
        reader.wrong(value.line, field, "needs the organisation's domains", advice, note=True)
    reader.used["domains"] = domains
    tails = tuple(f"@{domain}" for domain in domains)

    def by_domain(activity: Activity, _: UserState) -> bool:
        return bool(tails) and (email := read(activity)) != "" and email.endswith(tails) is not wanted

    if not by_account:
        return Weighed(2, by_domain)

    def test(activity: Activity, user: UserState) -> bool:
        account = activity.account
        return by_domain(activity, user) if account is None else account.external is wanted

    return Weighed(2, test)


def _choice(attribute: Attribute, values: list[tuple[str, int]], field: str, reader: Reader) -> Weighed | None:
    named = frozenset(text for text, line in values if reader.one_of(text, line, field, attribute.choices))
    read = attribute.read
    if attribute.kind == "choices":
        return Weighed(2, lambda activity, _: not named.isdisjoint(read(activity)))
    weight = _SELDOM_REFUSES if "success" in named else 1
    return Weighed(weight, lambda activity, _: read(activity) in named)


def _number(
    read: Callable[[Activity], int], operator: str, values: list[tuple[str, int]], field: str, reader: Reader
) -> Weighed | None:
    numbers = [reader.whole(Scalar(text, line), field, 0, 1 << 32) for text, line in values]
    if operator != "eq" and len(numbers) > 1:
        reader.wrong(values[0][1], field, "has several values", f"{operator} takes one")
        return None
    limits = [number for number in numbers if number is not None]
    if len(limits) < len(numbers):
        return None
    compare = _COMPARISONS[operator]
    return Weighed(2, lambda activity, _: (number := read(activity)) >= 0 and compare(number, limits))


def _address(operator: str, values: list[tuple[str, int]], field: str, reader: Reader) -> Weighed | None:
    if operator == "startswith":
        heads = tuple(text.lower() for text, _ in values)
        return Weighed(1, lambda activity, _: activity.ip.startswith(heads))
    single: set[str] = set()
    blocks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for text, line in values:
        try:
            block = ipaddress.ip_network(text)
        except ValueError as error:
            advice = "expected an address or a block such as 198.51.100.0/24"
            if "has host bits set" in str(error):
                advice = f"did you mean {ipaddress.ip_network(text, strict=False)}?"
            reader.wrong(line, field, f"is {text!r}", advice)
            continue
        if block.num_addresses == 1:
            single.add(str(block.network_address))
        else:
            blocks.append(block)
    if not blocks:
        return Weighed(1, lambda activity, _: activity.ip in single)

    @functools.lru_cache(ADDRESSES_REMEMBERED)  # addresses repeat, and reading one takes microseconds
    def among(ip: str) -> bool:
        if not ip or ip in single:
            return bool(ip)
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        return any(address in block for block in blocks)

    return Weighed(6, lambda activity, _: among(activity.ip))


def _span(values: list[tuple[str, int]], field: str, reader: Reader, zone: tzinfo) -> Weighed | None:
    spans = []
    for text, line in values:
        span = span_of(text)
        if span is None:
            reader.wrong(line, field, f"is {text!r}", "expected a time of day such as 22:00-06:00")
        else:
            spans.append(span)
    if not spans:
        return None
    test = within(spans, zone)
    return Weighed(10, lambda activity, _: test(activity.time_ms))


def _text(
    name: str, attribute: Attribute, operator: str, values: list[tuple[str, int]], field: str, reader: Reader
) -> Weighed:
    texts = [_prepared(name, attribute, operator, text, line, field, reader) for text, line in values]
    weight, make = _TEXT_TESTS[operator]
    test, read = make(texts), attribute.read
    if attribute.kind == "texts":
        return Weighed(2 * weight, lambda activity, _: any(test(each.lower()) for each in read(activity) if each))
    if operator == "eq" and name in _EXTENSIONS:
        known, path_of = frozenset(text.lower() for text in texts), _EXTENSIONS[name]
        return Weighed(2, lambda activity, _: path_of(activity).rpartition(".")[2].lower() in known)
    if operator in _INLINE:
        return Weighed(weight, _inline(operator, texts, read))

    def single(activity: Activity, _: UserState) -> bool:
        text = read(activity)
        return text != "" and test(text.lower())

    return Weighed(weight + 10 * (name == "text"), single)


def _inline(operator: str, texts: Sequence[str], read: Callable[[Activity], str]) -> Test:
    """The commonest tests, each in one call."""
    if operator == "eq":
        known = frozenset(text.lower() for text in texts)
        return lambda activity, _: read(activity).lower() in known
    if operator == "startswith":
        heads = tuple(text.lower() for text in texts)
        return lambda activity, _: read(activity).lower().startswith(heads)
    tails = tuple(text.lower() for text in texts)
    return lambda activity, _: read(activity).lower().endswith(tails)


def _prepared(name: str, attribute: Attribute, operator: str, text: str, line: int, field: str, reader: Reader) -> str:
    """`text` as it is compared, once it has been looked at for what can never match."""
    if name.endswith("extension"):
        if set(text) & {"/", "."} - {text[0]} or text == ".":
            reader.wrong(line, field, f"is {text!r}", "expected what follows the last dot, such as xlsx")
        return text.removeprefix(".")
    if name == "country" and operator == "eq" and not _COUNTRY.fullmatch(text):
        reader.wrong(line, field, f"is {text!r}", "expected two letters, such as PT")
    if attribute.kind == "path" and operator in ("eq", "startswith", "under", "glob") and text[0] not in "/*":
        reader.wrong(line, field, f"is {text!r}", f"paths begin with '/': did you mean {'/' + text!r}?")
    if operator == "glob" and text.count("**") > patterns.MAX_DEEP:
        reader.wrong(line, field, f"is {text!r}", f"at most {patterns.MAX_DEEP} times '**' in one")
    if operator == "eq" and attribute.kind in ("path", "text") and any(each in text for each in "*?["):
        reader.wrong(line, field, f"is {text!r}", "eq compares the whole text: use glob for patterns", note=True)
    return text
