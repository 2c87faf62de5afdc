"""Shared links: who sees them, how they are listed, and that a revoked one is gone."""

import pytest

from simulators.egnyte import Account
from simulators.egnyte.links import Link
from tests.simulators.egnyte.conftest import Serve, Served

SCOPES = ("Egnyte.link",)


def add_links(served: Served) -> None:
    for number in range(3):
        served.simulator.links.add(
            Link(id=f"link{number}", path=f"/Shared/{number}.txt", created_by="ana", creation_date="2025-11-10")
        )
    served.simulator.links.add(
        Link(id="other", path="/Shared", created_by="ben", type="folder", accessibility="domain")
    )
    served.client.headers["Authorization"] = f"Bearer {served.simulator.issue_token(scopes=SCOPES)}"


async def test_links_are_listed_by_user_and_by_pages(serve: Serve) -> None:
    async with serve() as served:
        add_links(served)
        page = (await served.client.get("/pubapi/v1/links", params={"username": "ana", "count": 2, "offset": 1})).json()
        assert page == {"ids": ["link1", "link2"], "offset": 1, "count": 2, "total_count": 3}
        whole = (await served.client.get("/pubapi/v2/links", params={"type": "folder"})).json()
        assert [link["id"] for link in whole["links"]] == ["other"]
        assert whole["links"][0]["url"] == "https://acme.egnyte.com/dl/other"
        names = {"created_after": "2025-11-05", "created_before": "2025-11-20"}
        assert (await served.client.get("/pubapi/v1/links", params=names)).json()["total_count"] == 3
        assert (await served.client.get("/pubapi/v1/links", params={"count": "many"})).status_code == 400


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_revoked_link_is_gone(serve: Serve, version: str) -> None:
    async with serve(delete_answers=200) as served:
        add_links(served)
        assert (await served.client.get(f"/pubapi/{version}/links/link0")).json()["path"] == "/Shared/0.txt"
        assert (await served.client.delete(f"/pubapi/{version}/links/link0")).status_code == 200
        gone = await served.client.delete(f"/pubapi/{version}/links/link0")
        assert (gone.status_code, gone.json()["Errors"][0]["code"]) == (404, "NOT_FOUND")
        assert (await served.client.get("/pubapi/v1/links")).json()["total_count"] == 3


async def test_others_links_are_for_administrators(serve: Serve) -> None:
    async with serve() as served:
        add_links(served)
        ben = Account(id=2, username="ben", user_type="power")
        token = served.simulator.issue_token(scopes=SCOPES, account=ben)
        served.client.headers["Authorization"] = f"Bearer {token}"
        assert (await served.client.get("/pubapi/v1/links")).json()["ids"] == ["other"]
        assert (await served.client.delete("/pubapi/v1/links/link0")).status_code == 404


async def test_the_scope_is_needed(serve: Serve) -> None:
    async with serve() as served:
        assert (await served.client.get("/pubapi/v1/links")).status_code == 403


async def test_links_are_added_on_command(serve: Serve) -> None:
    async with serve() as served:
        made = {"id": "q1", "path": "/Shared/a", "created_by": "ana"}
        assert (await served.client.post("/control/links", json={"links": [made]})).status_code == 200
        assert [link["id"] for link in (await served.client.get("/control/links")).json()["links"]] == ["q1"]
        refused = await served.client.post("/control/links", json={"links": [made | {"id": "../x"}]})
        assert (refused.status_code, "10 as a rule" in refused.json()["error"]) == (400, True)
