"""The keys of an audit event, under all the names that Egnyte has for them, decoded as fast as may be.

Two versions of the reports and several sources write the same thing under different names. One decoder knows them all;
what it does not know is skipped.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

Text = str | int | None
Moment = int | float | str | None


class NotAnEvent(ValueError):  # noqa: N818 - it says what it is
    """The bytes are no audit event. `reason`: what is wrong with them and where, in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Row(msgspec.Struct, gc=False):
    """Every known key of an audit event, in the order in which the commonest shape has them."""

    date: Moment = None
    source_path: Text = msgspec.field(default=None, name="sourcePath")
    target_path: Text = msgspec.field(default=None, name="targetPath")
    user: Text = None
    user_id: Text = msgspec.field(default=None, name="userId")
    action: Text = None
    access: Text = None
    ip_address: Text = msgspec.field(default=None, name="ipAddress")
    action_info: Text = msgspec.field(default=None, name="actionInfo")
    audit_source: Text = msgspec.field(default=None, name="auditSource")
    actor: Text = None
    subject: Text = None
    group: Text = None
    source: Text = None
    folder: Text = None
    assigner: Text = None
    assigner_id: Text = msgspec.field(default=None, name="assignerId")
    assignee: Text = None
    assignee_id: Text = msgspec.field(default=None, name="assigneeId")
    change: Text = None
    setting: Text = None
    workflow_name: Text = msgspec.field(default=None, name="workflowName")
    workflow_type: Text = msgspec.field(default=None, name="workflowType")
    event: Text = None
    logout_date: Moment = msgspec.field(default=None, name="logoutDate")
    logout_time: Moment = msgspec.field(default=None, name="logoutTime")
    actor_id: Text = msgspec.field(default=None, name="actorId")
    subject_id: Text = msgspec.field(default=None, name="subjectId")
    login_date: Moment = msgspec.field(default=None, name="loginDate")
    # Older reports.
    username: Text = None
    v1_user_id: Text = msgspec.field(default=None, name="user_id")
    v1_ip_address: Text = msgspec.field(default=None, name="ip_address")
    time: Moment = None
    v1_logout_time: Moment = msgspec.field(default=None, name="logout_time")
    file: Text = None
    file_or_folder: Text = msgspec.field(default=None, name="file/folder")
    v1_target_path: Text = msgspec.field(default=None, name="target_path")
    transaction: Text = None
    v1_assigner_id: Text = msgspec.field(default=None, name="assigner_id")
    v1_assignee_id: Text = msgspec.field(default=None, name="assignee_id")
    date_and_time: Moment = None
    timestamp: Moment = None
    v1_action_info: Text = msgspec.field(default=None, name="action_Info")
    action_source: Text = None


_decode: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(Row).decode
FIELDS: Final = {field.encode_name: field.name for field in msgspec.structs.fields(Row)}
_MOMENTS: Final = frozenset(field.name for field in msgspec.structs.fields(Row) if float in field.type.__args__)


def decode(raw: bytes) -> Row:
    """The row that `raw` holds. Raises NotAnEvent where it is not one JSON object in UTF-8.

    A known key with a value of the wrong kind counts as absent (a number in place of a text is read as that text).
    """
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise NotAnEvent(f"not UTF-8: byte 0x{raw[error.start]:02x} at {error.start} of {len(raw)}") from None
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        return _tolerant(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json(raw, error) from None


def _tolerant(raw: bytes) -> Row:
    """The row, less what is of the wrong kind."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json(raw, error) from None
    if not isinstance(found, dict):
        raise NotAnEvent(f"JSON, but {_kind(found)} where an object belongs")
    return Row(**{name: _fitting(name, found[key]) for key, name in FIELDS.items() if key in found})


def _fitting(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and name not in _MOMENTS:
        return str(value)
    return value if isinstance(value, str | int | float) else None


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _not_json(raw: bytes, error: Exception) -> NotAnEvent:
    if not raw.strip():
        return NotAnEvent("empty")
    if isinstance(error, RecursionError):
        return NotAnEvent("nested too deeply")
    return NotAnEvent(f"not JSON ({len(raw)} bytes): {error}")
