"""The endpoints of users. What they change is told in the audit, as Egnyte does."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from simulators.egnyte.access import Grant
from simulators.egnyte.exchange import Exchange
from simulators.egnyte.refusals import JSON, RefusedError
from simulators.egnyte.users import User, account_of, require_users, told

BASE: Final = "/pubapi/v2/users"


async def listed(exchange: Exchange, grant: Grant) -> bytes:
    """GET `/pubapi/v2/users?startIndex=1&count=100&filter=userName eq "x"`."""
    require_users(grant)
    domain = exchange.domain
    users, start, total = domain.users.listed(exchange.request.query_params, domain.switches)
    exchange.note(events=len(users))
    found = {"totalResults": total, "itemsPerPage": len(users), "startIndex": start}
    return msgspec.json.encode(found | {domain.switches.users_key: [told(user) for user in users]})


async def one(exchange: Exchange, grant: Grant) -> bytes:
    """GET `/pubapi/v2/users/{id}`."""
    require_users(grant)
    return msgspec.json.encode(told(exchange.domain.users.one(exchange.request.path_params["user"])))


async def create(exchange: Exchange, grant: Grant) -> Response:
    """POST `/pubapi/v2/users`."""
    require_users(grant)
    user = exchange.domain.users.make(await _body(exchange), exchange.now_ms)
    _audit(exchange, grant, user, "Create")
    return Response(msgspec.json.encode(told(user)), 201, media_type=JSON)


async def change(exchange: Exchange, grant: Grant) -> bytes:
    """PATCH `/pubapi/v2/users/{id}`."""
    require_users(grant)
    domain = exchange.domain
    before = domain.users.one(exchange.request.path_params["user"])
    user = domain.users.change(before, await _body(exchange), domain.switches, exchange.now_ms)
    action = "Update"
    if user.active != before.active:
        action = "Enable" if user.active else "Disable"
    _audit(exchange, grant, user, action)
    if action == "Disable" and domain.switches.inactive_ends_tokens:
        domain.oauth.forget(account_of(user))
    return msgspec.json.encode(told(user))


async def delete(exchange: Exchange, grant: Grant) -> Response:
    """DELETE `/pubapi/v2/users/{id}`."""
    require_users(grant)
    domain = exchange.domain
    user = domain.users.one(exchange.request.path_params["user"])
    domain.users.delete(user)
    _audit(exchange, grant, user, "Delete")
    domain.oauth.forget(account_of(user))
    return Response(status_code=domain.switches.delete_user_answers)


async def _body(exchange: Exchange) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await exchange.request.body(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise RefusedError(400, f"The body is not a JSON object: {problem}", "BAD_REQUEST") from None


def _audit(exchange: Exchange, grant: Grant, user: User, action: str) -> None:
    if exchange.domain.switches.users_audited:
        who = grant.account
        exchange.domain.append(
            {
                "date": exchange.now_ms,
                "actor": f"{who.first_name} {who.last_name} ( {who.email} )",
                "subject": user.text,
                "action": action,
                "actionInfo": "",
                "source": "Public API",
                "auditSource": "USER_AUDIT",
            }
        )
