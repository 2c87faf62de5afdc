"""What Graph does: disables and enables accounts, revokes sessions, sends mail, confirms compromised users, restores
deleted ones.
"""

from typing import Any, Final

from simulators.entra.directory import OVER_EVERYONE, Account
from simulators.entra.gateway import Call, Reply
from simulators.entra.journal import Mail
from simulators.entra.refusals import RefusedError, bad_request, denied

MAX_HEADERS: Final = 5
"""Custom message headers that Graph takes."""
NO_CONTENT: Final = 204
ACCEPTED: Final = 202


async def patch_user(call: Call) -> Reply:
    """`PATCH /users/{id}`: accountEnabled, employeeLeaveDateTime."""
    account, body = call.user(), await call.json()
    if not body:
        raise bad_request("An empty payload changes nothing.")
    for name, value in body.items():
        if name == "accountEnabled" and isinstance(value, bool):
            _sensitive(call, account)
        elif name == "employeeLeaveDateTime" and (value is None or isinstance(value, str)):
            if "User-LifeCycleInfo.ReadWrite.All" not in call.app.permissions:
                raise denied()
        else:
            raise bad_request(f"This stand-in does not change {name} to {value!r}.")
    if "accountEnabled" in body:
        call.tenant.enable(account, enabled=body["accountEnabled"], request=call.number)
        call.note(effect="enabled" if body["accountEnabled"] else "disabled")
    if "employeeLeaveDateTime" in body:
        call.tenant.directory.change(account.id, employeeLeaveDateTime=body["employeeLeaveDateTime"])
        call.tenant.note("changed", account, call.number)
        call.note(effect="changed")
    return Reply(NO_CONTENT)


async def revoke(call: Call) -> Reply:
    """`POST /users/{id}/revokeSignInSessions`. A guest's sessions live at home: nothing happens to them."""
    account, switches = call.user(), call.tenant.switches
    if switches.revoke_is_sensitive:
        _sensitive(call, account)
    if account.properties.get("userType") != "Guest":
        call.tenant.revoke_sessions(account, call.number)
        call.note(effect="sessions_revoked")
    if switches.revoke_answer == "204":
        return Reply(NO_CONTENT)
    return Reply(body={"@odata.context": f"{call.base}/v1.0/$metadata#Edm.Boolean", "value": True})


async def confirm(call: Call) -> Reply:
    """`POST /identityProtection/riskyUsers/confirmCompromised`."""
    tenant = call.tenant
    if not tenant.switches.p2_licence:
        raise RefusedError(403, "Forbidden", "Your tenant is not licensed for this feature.")
    ids = (await call.json()).get("userIds")
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
        raise RefusedError(400, "BadRequest", "userIds: a list of object ids is needed.")
    accounts = []
    for user_id in ids:
        try:
            accounts.append(tenant.directory.live(user_id))
        except RefusedError:
            if tenant.switches.confirm_unknown == "404":
                raise
    for account in accounts:
        tenant.confirm_compromised(account, call.number)
        call.note(user=account.id, effect="compromised")
    return Reply(NO_CONTENT)


async def restore(call: Call) -> Reply:
    """`POST /directory/deletedItems/{id}/restore`."""
    account = call.tenant.directory.restore(call.request.path_params["user"])
    call.tenant.note("restored", account, call.number)
    call.note(user=account.id, effect="restored")
    return Reply(body={"@odata.type": "#microsoft.graph.user", **account.properties})


async def send_mail(call: Call) -> Reply:
    """`POST /users/{sender}/sendMail`."""
    tenant, sender = call.tenant, call.user()
    mailbox = str(sender.properties.get("mail") or "")
    if not mailbox:
        raise RefusedError(
            404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or hosted on-premise."
        )
    if call.app.mailboxes and mailbox not in call.app.mailboxes:
        raise RefusedError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    body = await call.json()
    tenant.limits.begin_mail(sender.id, tenant.switches, call.now_ms)
    try:
        mail = _mail(body, mailbox, call.now_ms)
        if tenant.switches.mail_takes_s:
            await tenant.clock.sleep(tenant.switches.mail_takes_s)
    finally:
        tenant.limits.end_mail(sender.id)
    tenant.journal.mails.append(mail)
    tenant.note("mail", sender, call.number)
    call.note(effect="mail")
    return Reply(ACCEPTED)


def _sensitive(call: Call, account: Account) -> None:
    """Raises RefusedError (403) where the account is an administrator's, and the app has no role above them."""
    if call.tenant.directory.is_administrator(account.id) and not OVER_EVERYONE & set(call.app.roles):
        raise denied()


def _mail(body: dict[str, Any], sender: str, now_ms: int) -> Mail:
    try:
        message = body["message"]
        content = message["body"]
        headers = {one["name"]: one["value"] for one in message.get("internetMessageHeaders", [])}
        to, cc, bcc = (
            tuple(one["emailAddress"]["address"] for one in message.get(f"{kind}Recipients", []))
            for kind in ("to", "cc", "bcc")
        )
        mail = Mail(
            at_ms=now_ms, sender=sender, to=to, cc=cc, bcc=bcc, subject=str(message["subject"]),
            content_type=content["contentType"].lower(), content=content["content"], headers=headers,
            saved=body.get("saveToSentItems", True),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as problem:
        raise RefusedError(400, "ErrorInvalidRequest", f"The message can't be read: {problem!r}.") from None
    if not to + cc + bcc:
        raise RefusedError(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
    if mail.content_type not in {"text", "html"}:
        raise RefusedError(400, "RequestBodyRead", f"contentType is Text or HTML, not {content['contentType']}.")
    if len(headers) > MAX_HEADERS or not all(name.lower().startswith("x-") for name in headers):
        raise RefusedError(
            400, "InvalidInternetMessageHeader", f"Up to {MAX_HEADERS} headers are taken, whose names begin with x-."
        )
    if any("@" not in address for address in to + cc + bcc):
        raise RefusedError(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
    return mail
