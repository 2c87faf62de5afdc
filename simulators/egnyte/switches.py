"""What is not known of Egnyte's API, or differs between domains, as switches; the defaults are the documented or
likelier form.
"""

from typing import Any, Literal

from simulators.switchboard import Switchboard

ThrottleStyle = Literal["429", "mashery", "fault"]
ErrorStyle = Literal[
    "html", "errors", "error_list", "input_errors", "form_errors", "message", "error_message", "oauth", "fault", "text"
]
Window = Literal["sliding", "fixed"]
Scope = Literal["token", "domain"]
TokenErrors = Literal["oauth", "html", "text"]
OldStart = Literal["refuse", "clamp"]
TotalKey = Literal["total_count", "totalCount"]
PathKey = Literal["file", "file/folder"]
UsersKey = Literal["resources", "Resources"]
PatchNames = Literal["nested", "flat", "both"]


class Switches(Switchboard, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this Egnyte behaves. 0 means "no such limit" for every limit, slice and cap.

    Stream: `page_cap` events an answer (10,000 in older documentation). `slice_minutes` of history one request
    covers. `window_days` back a startDate may lie; `old_start`: refuse an older one with 400, or begin at the
    window's edge. `cursor_days` until a cursor dies. `cursor_keeps_filter`: the audit types are part of the cursor
    and a different filter beside it is refused; otherwise each request filters by its own. `cursor_beats_start`: a
    startDate beside a cursor is ignored, not refused. `repeat_events`: each answer to a cursor begins with this many
    of the events before it. `start_in_future` accepts such a date.

    Limits: `per_minute` and `per_hour` of the stream, counted per `limit_scope` in a `limit_window` (sliding, or
    fixed calendar minutes and hours); `count_refused`: refused requests count too. `limit_headers`: x-ratelimit
    headers on 200 as well. `quota_per_second`, `quota_per_day` (resets at 00:00 UTC): the ordinary quota of a token
    (2 and 1,000 by default at Egnyte; off here until asked for); `quota_counts_stream`: stream calls take from it.
    `throttle_style`: 429 with HTML, Mashery's 403, or the fault envelope.

    Access: `plan_has_audit` false answers 403. `gateway_refuses`: an unknown token gets the gateway's 403 for an
    inactive developer, not 401. `error_style`: the form of 400, 401, 403 and 5xx bodies.

    OAuth: `token_lasts_s` seconds (0: without end, as on older domains), with `refresh_tokens` that change with each
    use where `refresh_rotates`; `refresh_revokes`: the token before it dies at once. `same_token`: asking again gives
    the token that is there. `code_lasts_s` of a code. `token_requests_per_hour` for each API key, then 409.
    `token_errors`: the form of the token endpoint's refusals. `revoke_again` is the status for a token that is gone.

    Reports (v1): a job runs for `report_seconds` and may be asked for every `report_poll_s` (`report_first_poll`: the
    first time counts from its creation), is kept for `report_hours` (then 404), and reaches back `report_days`. The
    first `reports_fail` jobs fail. `report_page` rows a page at most, their number in `report_total_key`;
    `reports_json` false refuses that format. `report_lag_minutes`: newer events are not yet in it.
    `report_zone_hours`: the domain's days begin so much before those of UTC. `report_ascending`: oldest row first.
    `report_path_key`: the key of a file's path. `report_root_folder`: `/` may be asked for.

    `delete_answers`: the status of a report's or link's deletion.

    Users: `users_page` at most in one answer, under `users_key`; `users_inactive_listed` among them. Names are changed
    as `users_patch_names` (in `name`, beside it, or both). `users_audited`: what the API changes is told in the audit.
    `delete_user_answers`: the status of a user's deletion. `inactive_ends_tokens` of whoever is deactivated, at once.

    Arrival: `late_percent` of the loaded events become visible up to `late_minutes` after their date; `twin_percent`
    happen twice, identically. Both are drawn from `seed`.
    """

    page_cap: int = 5_000
    slice_minutes: int = 30
    window_days: int = 7
    old_start: OldStart = "refuse"
    start_in_future: bool = False
    cursor_days: int = 7
    cursor_keeps_filter: bool = True
    cursor_beats_start: bool = False
    repeat_events: int = 0
    per_minute: int = 10
    per_hour: int = 100
    limit_scope: Scope = "token"
    limit_window: Window = "sliding"
    limit_headers: bool = True
    count_refused: bool = False
    quota_per_second: int = 0
    quota_per_day: int = 0
    quota_counts_stream: bool = True
    throttle_style: ThrottleStyle = "429"
    plan_has_audit: bool = True
    gateway_refuses: bool = False
    error_style: ErrorStyle = "errors"
    token_lasts_s: int = 2_592_000
    refresh_tokens: bool = True
    refresh_rotates: bool = True
    refresh_revokes: bool = False
    same_token: bool = False
    code_lasts_s: int = 600
    token_requests_per_hour: int = 100
    token_errors: TokenErrors = "oauth"  # noqa: S105 - a style
    revoke_again: int = 200
    report_seconds: float = 60.0
    report_poll_s: int = 120
    report_first_poll: bool = False
    report_hours: int = 24
    report_days: int = 92
    report_page: int = 1_000
    report_total_key: TotalKey = "total_count"
    report_lag_minutes: float = 0.0
    report_zone_hours: float = 0.0
    report_ascending: bool = True
    report_path_key: PathKey = "file"
    report_root_folder: bool = True
    reports_json: bool = True
    reports_fail: int = 0
    delete_answers: int = 204
    users_page: int = 100
    users_key: UsersKey = "resources"
    users_inactive_listed: bool = True
    users_patch_names: PatchNames = "both"
    users_audited: bool = True
    delete_user_answers: int = 204
    inactive_ends_tokens: bool = True
    late_percent: float = 0.0
    late_minutes: float = 60.0
    twin_percent: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a negative number or a percentage above 100."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float) and value < 0 and name != "report_zone_hours":
                raise ValueError(f"switch {name} is {value}, it cannot be negative")
            if name.endswith("_percent") and value > 100:
                raise ValueError(f"switch {name} is {value}, it is a percentage")

    @classmethod
    def unlimited(cls, **changes: Any) -> "Switches":
        """Switches without any limit on requests, for what is not about limits."""
        return cls(**({"per_minute": 0, "per_hour": 0, "quota_per_second": 0, "quota_per_day": 0} | changes))
