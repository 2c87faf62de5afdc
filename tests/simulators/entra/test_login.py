"""The login server: client credentials by secret and by certificate."""

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from simulators.entra import App, AppSecret
from simulators.entra.apps import ASSERTION_TYPE
from tests.simulators.entra.certificates import certificate
from tests.simulators.entra.harness import NOW_MS, SECRET, people

APP = "11111111-2222-3333-4444-555555555555"


def _thumbprint(pem):
    found = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256())
    return jwt.utils.base64url_encode(found).decode()


def _assertion(audience, key, pem, algorithm="PS256", **claims):
    now = NOW_MS // 1_000
    whole = {"aud": audience, "iss": APP, "sub": APP, "jti": "1", "nbf": now, "exp": now + 300} | claims
    return jwt.encode(whole, key, algorithm=algorithm, headers={"x5t#S256": _thumbprint(pem)})


async def test_a_secret_gets_a_token_that_lasts_an_hour(serve):
    async with serve(people(1)) as served:
        answer = await served.ask_token()
        assert answer.status_code == 200
        assert answer.json()["expires_in"] == 3_599
        assert (await served.client.get("/v1.0/users/u0")).status_code == 200
        served.clock.advance(3_599)
        refused = await served.client.get("/v1.0/users/u0")
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "InvalidAuthenticationToken"


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_secret": "guess"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_secret": "old"}, 401, "invalid_client", 7000222),
        ({"client_id": "stranger"}, 400, "unauthorized_client", 700016),
        ({"scope": "https://example.com/.default"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
async def test_refusals(serve, form, status, error, number):
    app = App(client_id=APP, secrets=(AppSecret(SECRET), AppSecret("old", NOW_MS)))
    async with serve(apps=[app]) as served:
        answer = await served.ask_token(**form)
        assert answer.status_code == status
        told = answer.json()
        assert told["error"] == error
        assert told["error_codes"] == [number]
        assert told["error_description"].startswith(f"AADSTS{number}: ")
        assert told.keys() >= {"timestamp", "trace_id", "correlation_id"}


async def test_another_tenant_is_not_known(serve):
    async with serve() as served:
        answer = await served.client.post("/elsewhere/oauth2/v2.0/token", data={"grant_type": "client_credentials"})
        assert answer.json()["error_codes"] == [90002]


async def test_a_certificate_gets_a_token(serve):
    pem, key = certificate()
    async with serve(people(1), apps=[App(client_id=APP, secrets=(AppSecret(SECRET),), certificates=(pem,))]) as served:
        audience = f"{str(served.client.base_url).rstrip('/')}/{served.simulator.name}/oauth2/v2.0/token"
        form = {"client_secret": "", "client_assertion_type": ASSERTION_TYPE}
        for algorithm in ("PS256", "RS256"):
            assertion = _assertion(audience, key, pem, algorithm)
            assert (await served.ask_token(**form, client_assertion=assertion)).status_code == 200
        other_pem, other_key = certificate("2031-01-01")
        for wrong in (
            _assertion("https://login.example.com/token", key, pem),
            _assertion(audience, other_key, pem),
            _assertion(audience, other_key, other_pem),
            _assertion(audience, key, pem, sub="somebody"),
            _assertion(audience, key, pem, exp=NOW_MS // 1_000 - 301),
            _assertion(audience, key, pem, nbf=NOW_MS // 1_000 + 301),
            jwt.encode({"aud": audience, "iss": APP, "sub": APP}, key, "PS256", {"x5t#S256": _thumbprint(pem)}),
            "not.a.token",
        ):
            answer = await served.ask_token(**form, client_assertion=wrong)
            assert answer.status_code == 401
            assert answer.json()["error_codes"] == [700027]


async def test_an_expired_certificate_is_refused(serve):
    pem, key = certificate("2025-11-24")
    async with serve(apps=[App(client_id=APP, secrets=(AppSecret(SECRET),), certificates=(pem,))]) as served:
        audience = f"{str(served.client.base_url).rstrip('/')}/{served.simulator.name}/oauth2/v2.0/token"
        answer = await served.ask_token(
            client_secret="", client_assertion_type=ASSERTION_TYPE, client_assertion=_assertion(audience, key, pem)
        )
        assert "expired" in answer.json()["error_description"]


async def test_revoked_tokens_are_turned_away(serve):
    async with serve(people(1)) as served:
        assert (await served.client.request("DELETE", "/control/tokens")).json()["revoked"] == 1
        assert (await served.client.get("/v1.0/users/u0")).status_code == 401
        await served.log_in()
        assert (await served.client.get("/v1.0/users/u0")).status_code == 200


async def test_a_careless_gateway_quotes_what_it_was_sent(serve):
    async with serve(quotes_secrets=True) as served:
        guess = "a-guess"
        assert guess in (await served.ask_token(client_secret=guess)).text
        answer = await served.client.get("/v1.0/users", headers={"Authorization": f"Bearer {guess}"})
        assert guess in answer.text
