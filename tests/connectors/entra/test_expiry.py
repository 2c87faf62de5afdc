"""Until when the app's proof is good, as the certificate or Graph tells."""

from pathlib import Path

import pytest

from connectors.entra.expiry import credential_ends_ms
from simulators.clock import from_iso
from simulators.entra import App, AppSecret, Fault
from simulators.entra.apps import ALL_PERMISSIONS
from streams.secret import Secret
from tests.connectors.entra.harness import NOW_MS, SECRET, requests_of, site
from tests.simulators.entra.certificates import certificate

DAY_MS = 86_400_000
SAME_BEGINNING, OTHER = SECRET[:3] + "-another", "zzz-another"


def app(*ends: tuple[str, int], permissions: tuple[str, ...] = ALL_PERMISSIONS) -> App:
    return App(client_id="app", secrets=tuple(AppSecret(*each) for each in ends), permissions=permissions)


@pytest.mark.parametrize(
    ("registered", "expected_ms"),
    [
        (app((SECRET, NOW_MS + 30 * DAY_MS)), NOW_MS + 30 * DAY_MS),
        (app((OTHER, NOW_MS + DAY_MS), (SECRET, NOW_MS + 30 * DAY_MS)), NOW_MS + 30 * DAY_MS),
        (app((SAME_BEGINNING, NOW_MS + DAY_MS), (SECRET, NOW_MS + 30 * DAY_MS)), NOW_MS + DAY_MS),
        (app((SAME_BEGINNING, NOW_MS - DAY_MS), (SECRET, NOW_MS + 30 * DAY_MS)), NOW_MS + 30 * DAY_MS),
        (app((SECRET, -1)), from_iso("2299-12-31")),
        (app((SECRET, NOW_MS + DAY_MS), permissions=("User.Read.All",)), 0),
    ],
    ids=["one", "two", "two alike", "one that has ended", "without an end", "not allowed to look"],
)
async def test_of_a_secret_graph_tells(registered: App, expected_ms: int) -> None:
    async with site(apps=[registered]) as place:
        assert await credential_ends_ms(place.client, place.entra) == expected_ms


async def test_what_keeps_graph_from_telling_is_no_trouble() -> None:
    async with site(apps=[app((SECRET, NOW_MS + DAY_MS))]) as place:
        place.tenant.fault(Fault(kind="status", status=503, count=100))
        assert await credential_ends_ms(place.client, place.entra) == 0
        assert sum(place.clock.slept) <= 10, "people are waited for"


async def test_a_certificate_tells_by_itself(tmp_path: Path) -> None:
    pem, key = certificate("2030-01-01")
    file = tmp_path / "app.pem"
    file.write_text(pem + key)
    settings = {"client_secret": Secret(), "certificate": str(file)}
    async with site(apps=[App(client_id="app", certificates=(pem,))], settings=settings) as place:
        assert await credential_ends_ms(place.client, place.entra) == from_iso("2030-01-01")
        assert requests_of(place.tenant) == []
