"""The endpoints of the older reports (v1)."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from simulators.egnyte.access import Grant, require_audit
from simulators.egnyte.exchange import Exchange
from simulators.egnyte.refusals import JSON, RefusedError

BASE: Final = "/pubapi/v1/audit"
_body = msgspec.json.Decoder(dict[str, Any])


async def create(exchange: Exchange, grant: Grant) -> Response:
    """POST `/pubapi/v1/audit/{report}`: 202 with the job's id."""
    domain = exchange.domain
    require_audit(grant, domain.switches)
    try:
        body = _body.decode(await exchange.request.body() or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise RefusedError(400, f"Request body is not valid: {problem}", "BAD_REQUEST") from None
    job = domain.reports.create(exchange.request.path_params["report"], body, domain.switches, exchange.now_ms)
    exchange.note(start_date=str(body.get("date_start", "")), end_date=str(body.get("date_end", "")), job=job.id)
    return Response(msgspec.json.encode({"id": job.id}), 202, media_type=JSON)


async def poll(exchange: Exchange, grant: Grant) -> bytes | Response:
    """GET `/pubapi/v1/audit/jobs/{job}`: running, failed, or 303 to what was found."""
    domain, job_id = exchange.domain, exchange.request.path_params["job"]
    require_audit(grant, domain.switches)
    exchange.note(job=job_id)
    job, state = domain.reports.poll(job_id, domain.switches, exchange.now_ms)
    if state != "done":
        return msgspec.json.encode({"status": state})
    where = f"{exchange.request.base_url}{BASE.removeprefix('/')}/{job.report}/{job.id}"
    return Response(b"", 303, {"Location": where})


async def fetch(exchange: Exchange, grant: Grant) -> Response:
    """GET `/pubapi/v1/audit/{report}/{job}`: a page of JSON, or the CSV file."""
    domain, names = exchange.domain, exchange.request.query_params
    report, job_id = exchange.request.path_params["report"], exchange.request.path_params["job"]
    require_audit(grant, domain.switches)
    exchange.note(job=job_id)
    job, rows = domain.reports.rows(report, job_id, domain.switches, exchange.now_ms)
    if job.format == "csv":
        exchange.note(events=len(rows))
        return Response(domain.reports.file(report, job_id, domain.switches, exchange.now_ms), media_type="text/csv")
    most = domain.switches.report_page or len(rows)
    try:
        offset, count = int(names.get("offset", 0)), min(int(names.get("count", most)), most)
    except ValueError:
        raise RefusedError(400, "offset and count are numbers", "BAD_REQUEST") from None
    page = rows[max(0, offset) : max(0, offset) + max(0, count)]
    exchange.note(events=len(page))
    total = domain.switches.report_total_key
    found = {"events": page, "offset": offset, "count": len(page), total: len(rows)}
    return Response(msgspec.json.encode(found), media_type=JSON)


async def delete(exchange: Exchange, grant: Grant) -> Response:
    """DELETE `/pubapi/v1/audit/{report}/{job}`."""
    domain, names = exchange.domain, exchange.request.path_params
    require_audit(grant, domain.switches)
    exchange.note(job=names["job"])
    domain.reports.delete(names["report"], names["job"], domain.switches, exchange.now_ms)
    return Response(status_code=domain.switches.delete_answers)
