"""What Graph tells: users, their changes, deleted ones, managers, roles, risk."""

import re
import uuid
from typing import Any, Final

from simulators.clock import iso
from simulators.entra.directory import DEFAULT_SELECT, Account, selection
from simulators.entra.gateway import Call, Reply
from simulators.entra.refusals import RefusedError, bad_request, denied, not_found

DELTA_TAKES: Final = frozenset({"$select", "$filter", "$skiptoken", "$deltatoken"})
OUTSIDE_STORE: Final = ("signInActivity",)
"""Properties that are kept elsewhere: delta can't follow them."""
DEFAULT_TOP: Final = 100
MAX_TOP: Final = 999
NEVER: Final = "2299-12-31T00:00:00Z"
"""When a secret without an end ends: the portal sets such dates."""
HINT_CHARS: Final = 3
_EQUALS: Final = re.compile(r"(mail|userPrincipalName|employeeId)\s+eq\s+'((?:[^']|'')*)'")


async def user(call: Call) -> Reply:
    """`GET /users/{id}`."""
    selected = _selected(call)
    account = call.user()
    call.note(people=1)
    context = f"{call.base}/v1.0/$metadata#users/$entity"
    return Reply(body={"@odata.context": context, **_properties(account, selected)})


async def users(call: Call) -> Reply:
    """`GET /users`, with `$select`, `$top`, and `$filter` by mail, principal name or employee id."""
    selected = _selected(call)
    filtered = _EQUALS.fullmatch(call.param("$filter").strip())
    if call.param("$filter") and filtered is None:
        raise bad_request("This stand-in filters users by mail, userPrincipalName or employeeId eq '...' only.")
    wanted = filtered[2].replace("''", "'").casefold() if filtered else ""
    found = [
        account
        for account in call.tenant.directory.everybody()
        if not account.removed
        and (filtered is None or str(account.properties.get(filtered[1]) or "").casefold() == wanted)
    ]
    return _listed(call, found, selected, "users")


async def manager(call: Call) -> Reply:
    """`GET /users/{id}/manager`."""
    selected = _selected(call)
    account = call.user()
    if not account.manager:
        raise not_found("manager")
    found = call.tenant.directory.live(account.manager)
    return Reply(body={"@odata.type": "#microsoft.graph.user", **_properties(found, selected)})


async def delta(call: Call) -> Reply:
    """`GET /users/delta`: see `simulators.entra.deltas`."""
    tenant, query = call.tenant, call.request.query_params
    if unknown := sorted(query.keys() - DELTA_TAKES):
        raise bad_request(f"Delta query does not take {', '.join(unknown)}.")
    switches, now_ms = tenant.switches, call.now_ms
    if call.param("$skiptoken"):
        token = tenant.deltas.read(call.param("$skiptoken"), "skip", switches, call.base, now_ms)
    elif call.param("$deltatoken") not in {"", "latest"}:
        token = tenant.deltas.read(call.param("$deltatoken"), "delta", switches, call.base, now_ms)
    else:
        selected = _selected(call)
        untracked = [name for name in selected if name in OUTSIDE_STORE]
        if not switches.leave_date_in_delta and "employeeLeaveDateTime" in selected:
            untracked.append("employeeLeaveDateTime")
        if untracked:
            raise RefusedError(501, "NotImplemented", f"{', '.join(untracked)} can't be tracked by delta query.")
        minimal = "return=minimal" in call.request.headers.get("prefer", "")
        token = tenant.deltas.first(selected, call.param("$filter"), minimal, now_ms)
    context = f"{call.base}/v1.0/$metadata#users"
    if call.param("$deltatoken") == "latest":
        link = tenant.deltas.write(tenant.deltas.latest(token))
        return Reply(body={"@odata.context": context, "@odata.deltaLink": _link(call, "deltatoken", link), "value": []})
    page = tenant.deltas.page(token, switches, now_ms)
    call.note(people=len(page.users))
    kind = "next" if page.next.kind == "skip" else "delta"
    link = _link(call, f"{page.next.kind}token", tenant.deltas.write(page.next))
    return Reply(body={"@odata.context": context, f"@odata.{kind}Link": link, "value": page.users})


async def deleted_users(call: Call) -> Reply:
    """`GET /directory/deletedItems/microsoft.graph.user`."""
    selected = _selected(call, default=(*DEFAULT_SELECT, "deletedDateTime"))
    directory = call.tenant.directory
    found = [account for account in directory.everybody() if account.removed and not directory.is_purged(account)]
    return _listed(call, found, selected, "directoryObjects")


async def deleted_user(call: Call) -> Reply:
    """`GET /directory/deletedItems/{id}`."""
    selected = _selected(call, default=(*DEFAULT_SELECT, "deletedDateTime"))
    account = call.tenant.directory.deleted(call.request.path_params["user"])
    call.note(user=account.id)
    return Reply(body={"@odata.type": "#microsoft.graph.user", **_properties(account, selected)})


async def application(call: Call) -> Reply:
    """`GET /applications(appId='...')`: until when its secrets are good. Of a secret only the beginning is shown."""
    app = call.tenant.apps.get(call.request.path_params["app"])
    if app is None:
        raise not_found(call.request.path_params["app"])
    passwords = [
        {
            "displayName": f"secret {number}",
            "endDateTime": iso(secret.expires_ms) if secret.expires_ms >= 0 else NEVER,
            "hint": secret.text[:HINT_CHARS],
            "keyId": role_id(f"{app.client_id}/{number}"),
            "secretText": None,
        }
        for number, secret in enumerate(app.secrets)
    ]
    context = f"{call.base}/v1.0/$metadata#applications(passwordCredentials)/$entity"
    return Reply(body={"@odata.context": context, "appId": app.client_id, "passwordCredentials": passwords})


async def roles(call: Call) -> Reply:
    """`GET /directoryRoles`: those that were ever assigned."""
    value = [
        {"id": role_id(name), "displayName": name, "roleTemplateId": role_id(name)}
        for name in sorted(call.tenant.directory.roles)
    ]
    return Reply(body={"@odata.context": f"{call.base}/v1.0/$metadata#directoryRoles", "value": value})


async def role_members(call: Call) -> Reply:
    """`GET /directoryRoles/{id}/members`: users and groups."""
    directory, wanted = call.tenant.directory, call.request.path_params["role"]
    members = next((members for name, members in directory.roles.items() if role_id(name) == wanted), None)
    if members is None:
        raise not_found(wanted)
    return _paged(call, list(directory.members_of(members)), "directoryObjects")


async def group_members(call: Call) -> Reply:
    """`GET /groups/{id}/transitiveMembers`."""
    directory, wanted = call.tenant.directory, call.request.path_params["group"]
    if wanted not in directory.groups:
        raise not_found(wanted)
    return _paged(call, list(directory.members_of(directory.everyone_in(wanted))), "directoryObjects")


async def risky_user(call: Call) -> Reply:
    """`GET /identityProtection/riskyUsers/{id}`."""
    if not call.tenant.switches.p2_licence:
        raise RefusedError(403, "Forbidden", "Your tenant is not licensed for this feature.")
    account = call.user()
    if account.id not in call.tenant.risky:
        raise not_found(account.id)
    return Reply(
        body={
            "id": account.id,
            "userPrincipalName": account.properties["userPrincipalName"],
            "riskLevel": "high",
            "riskState": "confirmedCompromised",
            "riskDetail": "adminConfirmedUserCompromised",
            "riskLastUpdatedDateTime": iso(call.now_ms),
        }
    )


def role_id(name: str) -> str:
    """The object id of a directory role, here also that of its template."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def _selected(call: Call, default: tuple[str, ...] = DEFAULT_SELECT) -> tuple[str, ...]:
    selected = selection(call.param("$select"))
    permissions = call.app.permissions
    if "employeeLeaveDateTime" in selected and not any(name.startswith("User-LifeCycleInfo.") for name in permissions):
        raise denied()
    if "signInActivity" in selected and "AuditLog.Read.All" not in permissions:
        raise RefusedError(
            403, "Authentication_MSGraphPermissionMissing", "Calling principal does not have AuditLog.Read.All"
        )
    return selected or default


def _properties(account: Account, selected: tuple[str, ...]) -> dict[str, Any]:
    return {name: account.properties.get(name) for name in selected}


def _listed(call: Call, accounts: list[Account], selected: tuple[str, ...], of: str) -> Reply:
    return _paged(call, [_properties(account, selected) for account in accounts], of)


def _paged(call: Call, rows: list[dict[str, Any]], of: str) -> Reply:
    top, skip = _number(call, "$top", DEFAULT_TOP), _number(call, "$skiptoken", 0)
    if not 1 <= top <= MAX_TOP:
        raise bad_request(f"Invalid page size specified: '{top}'. Must be between 1 and {MAX_TOP} inclusive.")
    shown = rows[skip : skip + top]
    call.note(people=len(shown))
    body: dict[str, Any] = {"@odata.context": f"{call.base}/v1.0/$metadata#{of}", "value": shown}
    if skip + top < len(rows):
        kept = {name: value for name, value in call.request.query_params.items() if name != "$skiptoken"}
        url = call.request.url.replace(query="").include_query_params(**kept, **{"$skiptoken": skip + top})
        body["@odata.nextLink"] = str(url)
    return Reply(body=body)


def _number(call: Call, name: str, default: int) -> int:
    try:
        return int(call.param(name) or default)
    except ValueError:
        raise bad_request(f"{name} is a number.") from None


def _link(call: Call, name: str, token: str) -> str:
    return f"{call.base}/v1.0/users/delta?${name}={token}"
