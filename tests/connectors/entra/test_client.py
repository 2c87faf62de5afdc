"""Tokens, retries and refusals, over real HTTP; no secret shows anywhere."""

import asyncio
import traceback
from typing import Any

import httpx
import msgspec
import pytest

from connectors.entra.client import GraphClient
from connectors.entra.refusals import (
    Forbidden,
    GraphRefused,
    LoginRefused,
    Malformed,
    NoAnswer,
    NotFound,
    Resync,
    ServerFault,
    Throttled,
    Unauthorized,
    Unreachable,
)
from simulators.entra import App, AppSecret, Fault
from streams.secret import Secret
from streams.sections import EntraSettings
from tests.connectors.entra.harness import NOW_MS, SECRET, Site, people, requests_of, settings_for, site
from tests.simulators.entra.certificates import certificate

USER = "/users/u0"


def logins(place: Site) -> list[int]:
    return requests_of(place.tenant, "POST", f"/{place.tenant.name}/")


async def refused(place: Site, method: str = "GET", path: str = USER, **asked: Any) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        await (place.client.get(path, dict, **asked) if method == "GET" else place.client.send(method, path, **asked))
    assert_no_secret(caught.value)
    return caught.value


def assert_no_secret(error: BaseException) -> None:
    told = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert SECRET not in told
    assert "s3cret%2Bof%2Fthe" not in told
    assert "Bearer " not in told.replace("Bearer ********", "")


async def test_one_token_serves_all_until_shortly_before_it_expires() -> None:
    async with site(people(1)) as place:
        await asyncio.gather(*(place.client.get(USER, dict) for _ in range(20)))
        assert logins(place) == [200]
        place.clock.virtual.advance(3_599 - 301)
        await place.client.get(USER, dict)
        assert logins(place) == [200]
        place.clock.virtual.advance(2)
        await place.client.get(USER, dict)
        assert logins(place) == [200, 200]
        assert set(requests_of(place.tenant, "GET")) == {200}  # none was ever turned away


async def test_a_token_that_is_turned_away_is_renewed_once() -> None:
    async with site(people(1)) as place:
        await place.client.get(USER, dict)
        place.tenant.apps.revoke_tokens()
        await asyncio.gather(*(place.client.get(USER, dict) for _ in range(5)))
        assert logins(place) == [200, 200]
        place.tenant.fault(Fault(kind="status", status=401, count=2))
        assert isinstance(await refused(place), Unauthorized)
        assert len(logins(place)) == 3


async def test_a_failed_login_is_shared_by_all_who_wait() -> None:
    async with site(people(1), settings={"client_secret": Secret("wrong+secret/ x")}) as place:
        outcomes = await asyncio.gather(*(place.client.get(USER, dict) for _ in range(10)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {LoginRefused}
        assert logins(place) == [401]


async def test_who_is_cancelled_leaves_the_token_to_the_others() -> None:
    async with site(people(1)) as place:
        place.tenant.fault(Fault(kind="slow", seconds=5, path=f"/{place.tenant.name}/"))
        first, second = (asyncio.create_task(place.client.get(USER, dict)) for _ in range(2))
        while not place.clock.virtual._sleepers:
            await asyncio.wait({first}, timeout=0.001)
        first.cancel()
        place.clock.virtual.advance(5)
        assert (await second)["id"] == "u0"
        assert logins(place) == [200]


@pytest.mark.parametrize(
    ("changes", "number", "word"),
    [
        ({"client_secret": Secret("wrong")}, 7000215, "entra.client_secret"),
        ({"client_secret": Secret("old")}, 7000222, "expired"),
        ({"client_secret": Secret("")}, 7000218, "missing"),
        ({"client_id": "stranger"}, 700016, "entra.client_id"),
        ({"tenant": "elsewhere"}, 90002, "entra.tenant"),
    ],
)
async def test_a_refused_login_says_what_to_do(changes: dict[str, Any], number: int, word: str) -> None:
    app = App(client_id="app", secrets=(AppSecret(SECRET), AppSecret("old", NOW_MS)))
    async with site(people(1), apps=[app], settings=changes, quotes_secrets=True) as place:
        error = await refused(place)
        assert isinstance(error, LoginRefused)
        assert error.numbers == (number,)
        assert word in str(error)
        assert error.needs_people
        assert "You sent" not in str(error)


async def test_a_careless_gateway_that_quotes_the_token_gives_nothing_away() -> None:
    async with site(people(1), quotes_secrets=True) as place:
        place.tenant.apps.bearer = lambda authorization, now_ms: None  # type: ignore[method-assign]
        error = await refused(place)
        assert "********" in str(error)


@pytest.mark.parametrize("password", ["", "pass word"])
async def test_a_certificate_proves_who_we_are(tmp_path: Any, password: str) -> None:
    pem, key = certificate(password=password)
    file = tmp_path / "app.pem"
    file.write_text(key + pem)
    by_certificate = {
        "client_secret": Secret(), "certificate": str(file), "certificate_password": Secret(password)
    }  # fmt: skip
    async with site(people(1), apps=[App(client_id="app", certificates=(pem,))], settings=by_certificate) as place:
        assert (await place.client.get(USER, dict))["id"] == "u0"
        place.tenant.apps.register(App(client_id="app", certificates=(certificate("2031-01-01")[0],)))
        place.tenant.apps.revoke_tokens()
        error = await refused(place)
        assert isinstance(error, LoginRefused)
        assert error.numbers == (700027,)


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Any) -> None:
    pem, key = certificate()
    other_pem, _ = certificate("2031-01-01")
    _, locked = certificate(password="locked")  # noqa: S106 - of a test
    for text, word in (
        ("", "no certificate"),
        (pem, "missing"),
        (pem + locked, "certificate_password"),
        (other_pem + key, "do not belong together"),
    ):
        file = tmp_path / "app.pem"
        file.write_text(text)
        with pytest.raises(ValueError, match=word):
            GraphClient(EntraSettings(tenant="t", client_id="c", certificate=str(file)))
    with pytest.raises(ValueError, match="absent"):
        GraphClient(EntraSettings(tenant="t", client_id="c", certificate=str(tmp_path / "absent")))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="throttle", retry_after_s=2.128),
        Fault(kind="throttle"),
        Fault(kind="status", status=500),
        Fault(kind="status", status=503, retry_after_s=0.5),
        Fault(kind="status", status=504),
        Fault(kind="reset"),
        Fault(kind="lost"),
        Fault(kind="truncate"),
        Fault(kind="cut_json"),
        Fault(kind="html"),
    ],
)
@pytest.mark.parametrize("where", ["graph", "login"])
async def test_reading_outlasts_what_passes(fault: Fault, where: str) -> None:
    async with site(people(1)) as place:
        path = f"/{place.tenant.name}/" if where == "login" else "/v1.0/"
        place.tenant.fault(msgspec.structs.replace(fault, path=path, count=3))
        assert (await place.client.get(USER, dict))["id"] == "u0"
        waits = [fault.retry_after_s] * 3 if fault.retry_after_s else [1.0, 2.0, 4.0]
        assert place.clock.slept == waits


async def test_pauses_are_drawn_and_bounded() -> None:
    async with site(people(1), draw=0.0) as place:
        place.tenant.fault(Fault(kind="status", status=500, count=9))
        await place.client.get(USER, dict, within_s=1_000)
        assert place.clock.slept == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_retry_after_of_nothing_is_no_invitation_to_a_storm() -> None:
    async with site(people(1)) as place:
        place.tenant.fault(Fault(kind="throttle", retry_after_s=0.001, count=0, duration_s=1_000))
        assert isinstance(await refused(place, within_s=60), Throttled)
        assert len(place.clock.slept) < 30


async def test_patience_ends() -> None:
    async with site(people(1)) as place:
        place.tenant.fault(Fault(kind="status", status=500, count=0, duration_s=10_000))
        assert isinstance(await refused(place, within_s=10), ServerFault)
        assert place.clock.slept == [1.0, 2.0, 4.0]
        place.tenant.faults.clear()
        place.tenant.fault(Fault(kind="throttle", retry_after_s=3_000))
        error = await refused(place, within_s=10)
        assert isinstance(error, Throttled)
        assert error.retry_after_s == 3_000
        assert len(place.clock.slept) == 3


async def test_resource_units_are_waited_for_to_the_millisecond() -> None:
    async with site(people(1), units_per_10s=10) as place:
        for _ in range(12):
            await place.client.get(USER, dict)
        statuses = requests_of(place.tenant, "GET")
        assert statuses.count(200) == 12
        assert statuses.count(429) == 2
        assert place.clock.slept == [10.0, 10.0]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="status", status=403), Forbidden),
        (Fault(kind="status", status=404), NotFound),
        (Fault(kind="status", status=400), GraphRefused),
        (Fault(kind="status", status=501), GraphRefused),
        (Fault(kind="status", status=410), Resync),
        (Fault(kind="status", status=400, code="syncStateNotFound"), Resync),
    ],
)
async def test_what_will_not_change_is_not_asked_again(fault: Fault, kind: type[NoAnswer]) -> None:
    async with site(people(1)) as place:
        place.tenant.fault(fault)
        assert type(await refused(place)) is kind
        assert place.clock.slept == []


@pytest.mark.parametrize(
    ("fault", "may_have_happened"),
    [
        (Fault(kind="reset"), True),
        (Fault(kind="lost"), True),
        (Fault(kind="html"), True),
        (Fault(kind="status", status=500), True),
        (Fault(kind="status", status=504), True),
        (Fault(kind="status", status=503), False),
        (Fault(kind="throttle"), False),
        (Fault(kind="status", status=403), False),
    ],
)
async def test_whether_it_may_have_happened(fault: Fault, may_have_happened: bool) -> None:
    async with site(people(1)) as place:
        await place.client.get(USER, dict)
        place.tenant.fault(fault)
        error = await refused(place, "PATCH", json={"accountEnabled": False})
        assert error.may_have_happened is may_have_happened


async def test_what_fails_before_it_is_sent_has_not_happened() -> None:
    async with site(people(1)) as place:
        place.tenant.fault(Fault(kind="lost", path=f"/{place.tenant.name}/"))
        error = await refused(place, "PATCH", json={"accountEnabled": False})
        assert isinstance(error, Unreachable)
        assert not error.may_have_happened
        entra = settings_for(place.tenant, "http://127.0.0.1:9")
        async with GraphClient(entra, clock=place.clock) as client:
            with pytest.raises(Unreachable) as caught:
                await client.send("PATCH", USER, json={})
            assert not caught.value.may_have_happened


async def test_an_answer_that_comes_too_late_may_have_happened() -> None:
    timeouts = httpx.Timeout(0.1)
    async with site(people(1), timeouts=timeouts) as place:
        await place.client.get(USER, dict)
        place.tenant.fault(Fault(kind="late", seconds=60))
        error = await refused(place, "PATCH", json={"accountEnabled": False})
        assert isinstance(error, Unreachable)
        assert error.may_have_happened
        assert not place.tenant.state("u0").enabled


async def test_a_list_is_read_page_by_page() -> None:
    async with site(people(25)) as place:
        found = [
            each["id"] async for each in place.client.pages("/users", dict, params={"$top": "10", "$select": "id"})
        ]
        assert sorted(found) == sorted(f"u{n}" for n in range(25))
        assert len(requests_of(place.tenant, "GET")) == 3


async def test_no_token_goes_to_another_address() -> None:
    async with site(people(1)) as place:
        for link in ("https://graph.example.com/v1.0/users", f"{place.client.url}.evil.example/v1.0/users", "//x", ""):
            with pytest.raises(Malformed, match="another address"):
                place.client.local_part(link)
        assert place.client.local_part(f"{place.client.url}/v1.0/users?$skiptoken=1") == "/users?$skiptoken=1"


@pytest.mark.parametrize("field", ["graph_url", "login_url"])
def test_secrets_travel_encrypted(field: str) -> None:
    entra = {"tenant": "t", "client_id": "c", "client_secret": Secret("x")}
    with pytest.raises(ValueError, match=f"entra.{field}.*in clear"):
        GraphClient(EntraSettings(**entra, **{field: "http://graph.example.com"}))  # type: ignore[arg-type]
    GraphClient(EntraSettings(**entra, **{field: "http://graph.example.com"}, allow_http=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["tenant", "client_id"])
def test_an_app_without_a_name_is_refused(missing: str) -> None:
    entra = {"tenant": "t", "client_id": "c"} | {missing: ""}
    with pytest.raises(ValueError, match="name the tenant"):
        GraphClient(EntraSettings(**entra))  # type: ignore[arg-type]
