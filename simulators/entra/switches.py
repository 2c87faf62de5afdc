"""What is not known of Microsoft Graph, or differs between tenants, as switches; the defaults are the documented or
likelier form.
"""

from typing import Any, Literal

from simulators.switchboard import Switchboard

RevokeAnswer = Literal["200", "204"]
ExpiredStyle = Literal["410", "syncStateNotFound", "resyncRequired"]
Unknown = Literal["204", "404"]


class Switches(Switchboard, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this tenant behaves. 0 means "no such limit" for every limit.

    Tokens: `token_lifetime_s` of an access token. `quotes_secrets`: refusals of the login server and of Graph quote
    what was sent, as a careless gateway does.

    Delta: `page_size` users a page. `repeats`: each page brings so many users again, and one of its own twice.
    `minimal`: a changed user comes with the changed properties only, even without `Prefer: return=minimal`. `unset`:
    properties that have no value are sent as null, not only those that have lost theirs. `link_days` until a deltaLink
    dies; `expired_style`: 410 with Location, or 400 with that code. `leave_date_in_delta`: otherwise selecting it is
    answered with 501.

    Acts: `revoke_answer`: 204, or 200 with a value. `revoke_is_sensitive`: revoking an administrator's sessions needs a
    role, as disabling does. `confirm_unknown`: the answer to confirming a user that does not exist. `p2_licence` false:
    identity protection answers 403. `synced_hold_s`: an account that is synced from on-premises goes back to
    enabled so many seconds after it was disabled here (0: never; Entra Connect runs every 1,800 s).

    Limits: `units_per_10s` resource units (-1: by the number of users, as Microsoft says: 3,500, 5,000 or 8,000),
    `writes_per_150s`, `risky_per_second` of identity protection (refused without Retry-After unless
    `risky_retry_after`), `mails_per_10min` and `mails_at_once` for each mailbox, each of which takes `mail_takes_s`.
    `retry_after_fraction`: Retry-After has decimals. `limit_headers`: x-ms-resource-unit and
    x-ms-throttle-limit-percentage.
    """

    token_lifetime_s: int = 3_599
    quotes_secrets: bool = False
    page_size: int = 200
    repeats: int = 0
    minimal: bool = False
    unset: bool = False
    link_days: float = 7.0
    expired_style: ExpiredStyle = "410"
    leave_date_in_delta: bool = True
    revoke_answer: RevokeAnswer = "200"
    revoke_is_sensitive: bool = False
    confirm_unknown: Unknown = "404"
    p2_licence: bool = True
    synced_hold_s: int = 0
    units_per_10s: int = -1
    writes_per_150s: int = 3_000
    risky_per_second: int = 1
    risky_retry_after: bool = False
    mails_per_10min: int = 10_000
    mails_at_once: int = 4
    mail_takes_s: float = 0.0
    retry_after_fraction: bool = True
    limit_headers: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for a number that makes no sense."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            least = {"units_per_10s": -1, "page_size": 1, "token_lifetime_s": 1}.get(name, 0)
            if isinstance(value, int | float) and value < least:
                raise ValueError(f"switch {name} is {value}, it cannot be less than {least}")

    @classmethod
    def unlimited(cls, **changes: Any) -> "Switches":
        """Switches without any limit on requests, for what is not about limits."""
        limits = ("units_per_10s", "writes_per_150s", "risky_per_second", "mails_per_10min", "mails_at_once")
        return cls(**(dict.fromkeys(limits, 0) | changes))
