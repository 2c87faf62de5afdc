"""The demo's clouds: a simulated Egnyte domain and a simulated Entra ID tenant, with the story's people in both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from msgspec.structs import astuple

from simulators.clock import RealClock
from simulators.egnyte import EgnyteSimulator
from simulators.egnyte import Switches as EgnyteSwitches
from simulators.egnyte.links import Link
from simulators.egnyte.users import Name, User
from simulators.entra import EntraSimulator, Switches
from simulators.scenario.demo import Demo
from simulators.scenario.people import MAIL_DOMAIN, Person
from streams.secret import Secret
from streams.sections import EgnyteSettings, EntraSettings

CONNECTOR: Final = "acme"
POLL_INTERVAL_S: Final = 1
"""Egnyte allows a poll every six seconds; the simulator does not mind, and nobody wants to wait."""
MAILBOX: Final = f"security@{MAIL_DOMAIN}"


class Clouds:
    """Both clouds of `demo`. Its people sign in to Egnyte by Entra ID."""

    def __init__(self, demo: Demo) -> None:
        # Egnyte hands out half an hour of history with each answer; here it is a week at once.
        self.egnyte = EgnyteSimulator(demo.recent, RealClock(), EgnyteSwitches.unlimited(slice_minutes=0))
        self.tenant = EntraSimulator(switches=Switches.unlimited())
        self._victim = demo.cast.mara
        self.tenant.directory.add(userPrincipalName=MAILBOX, mail=MAILBOX, displayName="Security")
        for person in astuple(demo.cast):
            self._hire(person)
        for link_id, path in demo.links.items():
            kind = {} if "." in path else {"type": "folder"}
            self.egnyte.links.add(Link(id=link_id, path=path, created_by=_user_name(self._victim), **kind))  # type: ignore[arg-type]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[tuple[EgnyteSettings, EntraSettings]]:
        """Serves both on this machine while the context lasts; yields how to reach them."""
        async with self.egnyte.serve() as url, self.tenant.serve() as graph:
            egnyte = EgnyteSettings(
                name=CONNECTOR, url=url, token=Secret(self.egnyte.issue_token(scopes=())),
                poll_interval_s=POLL_INTERVAL_S, max_per_minute=60_000, max_per_hour=3_600_000, max_per_day=0,
            )  # fmt: skip
            entra = EntraSettings(
                tenant=self.tenant.name, client_id=self.tenant.client_id,
                client_secret=Secret(self.tenant.client_secret), mailbox=MAILBOX, poll_interval_s=POLL_INTERVAL_S,
                graph_url=graph, login_url=graph,
            )  # fmt: skip
            yield egnyte, entra

    @property
    def lets_in(self) -> bool:
        """Whether Egnyte serves the account that is stolen: what is open there asks Entra ID no more."""
        return self.egnyte.users.one(self._victim.user_id).active

    def wrong(self) -> tuple[str, ...]:
        """What of the response to the theft did not reach the clouds, or was done more than once; nothing where the
        account was locked once in each of them and is open again, its links are gone, and the mail was sent."""
        victim, state = self._victim, self.tenant.state(self._victim.email)
        disabled = [effect for effect in self.tenant.effects("disabled") if effect.user == state.id]
        account = self.egnyte.users.one(victim.user_id)
        left = [link.id for link in self.egnyte.links.all()]
        told = [mail for mail in self.tenant.mails if victim.email in mail.to]
        found = {
            f"the account was disabled {len(disabled)} times in Entra ID": len(disabled) != 1,
            "its sessions in Entra ID go on": not state.revoked_ms,
            "the account is still disabled in Entra ID": not state.enabled,
            "the account is still deactivated at Egnyte": not account.active,
            f"links are left: {', '.join(left)}": bool(left),
            f"{len(told)} mails were sent": len(told) != 1,
        }
        return tuple(words for words, is_so in found.items() if is_so)

    def _hire(self, person: Person) -> None:
        given, _, family = person.name.partition(" ")
        names = {"givenName": given, "surname": family, "displayName": person.name}
        self.tenant.directory.add(
            userPrincipalName=person.email, mail=person.email, department=person.department, **names
        )
        if person.is_admin:
            self.tenant.directory.assign("User Administrator", self.tenant.state(person.email).id)
        self.egnyte.users.add(
            User(
                id=int(person.user_id), user_name=_user_name(person), email=person.email, auth_type="sso",
                name=Name(given, family, person.name), user_type="admin" if person.is_admin else "power",
            )
        )  # fmt: skip


def _user_name(person: Person) -> str:
    return person.email.partition("@")[0]
