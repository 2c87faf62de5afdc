"""OAuth as the simulated Egnyte speaks it: codes, tokens, refreshment, revocation, and every refusal."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from simulators.egnyte import App

BACK = "http://localhost:8910/callback"
KEY = App()
PATH = "/puboauth/token"
USERINFO = "/pubapi/v1/userinfo"


def asked(**more: str) -> dict[str, str]:
    return {
        "client_id": KEY.client_id, "redirect_uri": BACK, "response_type": "code", "scope": "Egnyte.audit Egnyte.user",
        "state": "st4te",
    } | more  # fmt: skip


async def answered(served: Any, answer: str = "allow", **more: str) -> httpx.Response:
    """The person's answer on the page, as a browser sends the page's form."""
    page = await served.client.get(PATH, params=asked(**more))
    assert page.status_code == 200, page.text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None
    response: httpx.Response = await served.client.post(action[1], data=fields | {"answer": answer})
    return response


async def code_of(served: Any, **more: str) -> str:
    back = await answered(served, **more)
    assert back.status_code == 302
    return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]


async def exchanged(served: Any, **form: str) -> httpx.Response:
    whole = {"client_id": KEY.client_id, "client_secret": KEY.client_secret, "redirect_uri": BACK} | form
    response: httpx.Response = await served.client.post(PATH, data=whole)
    return response


async def refreshed(served: Any, token: str) -> httpx.Response:
    return await exchanged(served, grant_type="refresh_token", refresh_token=token)


async def token_of(served: Any) -> dict[str, Any]:
    answer = await exchanged(served, grant_type="authorization_code", code=await code_of(served))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def who(served: Any, token: str) -> int:
    answer: httpx.Response = await served.client.get(USERINFO, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


async def test_a_code_becomes_a_token_with_the_scopes_asked_for(serve):
    async with serve() as served:
        back = await answered(served)
        assert back.headers["location"].startswith(f"{BACK}?code=")
        assert back.headers["location"].endswith("&state=st4te")
        found = await token_of(served)
        assert (found["token_type"], found["expires_in"]) == ("bearer", 2_592_000)
        served.client.headers["Authorization"] = f"Bearer {found['access_token']}"
        about = (await served.client.get("/pubapi/v1/whoami")).json()
        assert (about["scopes"], about["clientId"]) == ("Egnyte.audit Egnyte.user", KEY.client_id)
        assert (await served.start()).status_code == 200


async def test_who_refuses_goes_back_with_the_reason_and_the_state(serve):
    async with serve() as served:
        back = await answered(served, "deny")
        assert back.headers["location"] == f"{BACK}?error=access_denied&state=st4te"


async def test_a_code_may_be_shown_instead(serve):
    async with serve() as served:
        shown = await answered(served, no_redirect="true")
        found = re.search(r"<code>([^<]+)</code>", shown.text)
        assert found is not None
        assert (await exchanged(served, grant_type="authorization_code", code=found[1])).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"client_id": "nobody"}, "client_id is not known"),
        ({"redirect_uri": "https://elsewhere.example/"}, "not the one registered"),
        ({"redirect_uri": ""}, "not the one registered"),
        ({"response_type": "token"}, "response_type is not supported"),
        ({"scope": "Egnyte.everything"}, "Unknown scope Egnyte.everything"),
    ],
)
async def test_a_page_that_is_asked_for_wrongly_is_refused(serve, wrong, told):
    async with serve() as served:
        served.simulator.oauth.register(App(redirect_uris=(BACK,)))
        page = await served.client.get(PATH, params=asked(**wrong))
        assert page.status_code == 400
        assert page.headers["content-type"].startswith("text/html")
        assert told in page.text


async def test_an_internal_key_has_no_page_but_a_password(serve):
    async with serve() as served:
        served.simulator.oauth.register(App(internal=True))
        assert "Incorrect request type GET" in (await served.client.get(PATH, params=asked())).text
        for password, status in (("audit", 200), ("wrong", 400)):
            form = {"grant_type": "password", "username": "audit.reader", "password": password}
            assert (await exchanged(served, **form)).status_code == status


@pytest.mark.parametrize("style", ["oauth", "html", "text"])
async def test_a_code_is_good_once_for_a_while_and_for_its_key(serve, style):
    async with serve(token_errors=style) as served:
        code = await code_of(served)
        stranger = {"client_secret": "x"}
        assert (await exchanged(served, grant_type="authorization_code", code=code, **stranger)).status_code == 401
        elsewhere = await exchanged(served, grant_type="authorization_code", code=code, redirect_uri="http://x/")
        assert (elsewhere.status_code, "redirect_uri" in elsewhere.text) == (400, True)
        code = await code_of(served)
        assert (await exchanged(served, grant_type="authorization_code", code=code)).status_code == 200
        used = await exchanged(served, grant_type="authorization_code", code=code)
        assert (used.status_code, "wrong, used or expired" in used.text) == (400, True)
        if style == "oauth":
            assert used.json() == {"error": "invalid_grant", "error_description": "The code is wrong, used or expired"}
        code = await code_of(served)
        served.clock.advance(600)
        assert (await exchanged(served, grant_type="authorization_code", code=code)).status_code == 400


async def test_a_token_of_thirty_days_is_refreshed(serve):
    async with serve() as served:
        first = await token_of(served)
        served.clock.advance(29 * 86_400)
        second = (await refreshed(served, first["refresh_token"])).json()
        served.clock.advance(2 * 86_400)
        assert await who(served, first["access_token"]) == 401
        assert await who(served, second["access_token"]) == 200
        again = await refreshed(served, first["refresh_token"])
        assert again.status_code == 400


async def test_a_refresh_token_may_stay_and_the_old_token_die(serve):
    async with serve(refresh_rotates=False, refresh_revokes=True) as served:
        first = await token_of(served)
        second = (await refreshed(served, first["refresh_token"])).json()
        assert "refresh_token" not in second
        assert await who(served, first["access_token"]) == 401
        third = await refreshed(served, first["refresh_token"])
        assert third.status_code == 200


async def test_an_older_domain_gives_the_same_endless_token_again(serve):
    async with serve(token_lasts_s=0, same_token=True) as served:
        served.simulator.revoke_token()
        first = await token_of(served)
        assert first.keys() == {"access_token", "token_type"}
        served.clock.advance(400 * 86_400)
        assert await who(served, first["access_token"]) == 200
        assert (await token_of(served))["access_token"] == first["access_token"]


async def test_a_revoked_token_takes_its_refresh_token_with_it(serve):
    async with serve() as served:
        found = await token_of(served)
        served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token()}"
        form = {"token": found["access_token"], "client_secret": KEY.client_secret}
        for wrong in (form | {"client_secret": "wrong"}, {"client_secret": KEY.client_secret}):
            assert (await served.client.post("/pubapi/v1/tokens/revoke", data=wrong)).status_code == 400
        for _ in range(2):
            gone = await served.client.post("/pubapi/v1/tokens/revoke", data=form)
            assert (gone.status_code, gone.content) == (200, b"")
        assert await who(served, found["access_token"]) == 401
        served.simulator.change(revoke_again=404)
        assert (await served.client.post("/pubapi/v1/tokens/revoke", data=form)).status_code == 404
        answer = await refreshed(served, found["refresh_token"])
        assert answer.status_code == 400


async def test_too_many_requests_for_tokens_are_a_conflict(serve):
    async with serve(token_requests_per_hour=3) as served:
        for _ in range(3):
            assert (await refreshed(served, "x")).status_code == 400
        over = await refreshed(served, "x")
        assert (over.status_code, over.headers["retry-after"]) == (409, "3600")
        served.clock.advance(3600)
        assert (await refreshed(served, "x")).status_code == 400
        kinds = [record.grant_type for record in served.simulator.journal.records()]
        assert kinds == ["refresh_token"] * 5


async def test_the_person_may_change(serve):
    async with serve() as served:
        assert (await served.start()).status_code == 200
        told = await served.client.post("/control/account", json={"user_type": "power"})
        assert told.json()["account"]["user_type"] == "power"
        assert (await served.start()).status_code == 403
        served.simulator.change_account(can_run_reports=True)
        assert (await served.start()).status_code == 200
        assert (await served.client.post("/control/account", json={"user_type": "king"})).status_code == 400
        assert (await served.client.post("/control/account", json={"password": "new"})).status_code == 200
        assert (await served.start()).status_code == 401


async def test_faults_strike_the_token_endpoint_too(serve):
    async with serve() as served:
        fault = {"kind": "status", "status": 409, "retry_after_s": 7, "path": "/puboauth/"}
        assert (await served.client.post("/control/faults", json=fault)).status_code == 200
        answer = await refreshed(served, "x")
        assert (answer.status_code, answer.headers["retry-after"]) == (409, "7")
        apps = {"client_id": "other", "client_secret": "o"}
        assert len((await served.client.post("/control/apps", json=apps)).json()["apps"]) == 2
