"""A leaked link: a link to an internal file is posted somewhere, and all the world opens it."""

from typing import Final

from simulators.scenario import files
from simulators.scenario.events import WEB, RawEvent, file_event
from simulators.scenario.people import Stranger
from simulators.scenario.role import HOUR_MS, Behaviour, Role, Staged

ANONYMOUS: Final = Stranger("Anonymous")


def stage(role: Role) -> Staged:
    """A link made at work; some hours later 60 to 150 downloads from as many networks of a dozen countries within an
    hour.
    """
    draw, owner = role.draw, role.person
    today = role.workday()
    made_ms = role.at(today, draw.uniform(9, 12))
    path, link = files.own_file(owner, draw), files.link(draw)
    made = file_event(owner, made_ms, "Create Link", path, ip=owner.home_ip, target=link)
    start_ms = made_ms + round(draw.uniform(1, 8) * HOUR_MS)
    cities = role.organisation.atlas.cities
    opened: list[RawEvent] = [
        file_event(
            ANONYMOUS,
            at_ms,
            "Download via Link",
            path,
            ip=draw.choice(cities).address(draw),
            client=WEB,
            target=link,
        )
        for at_ms in role.moments(start_ms, HOUR_MS, draw.randint(60, 150))
    ]
    return Staged(
        start_ms=start_ms,
        end_ms=opened[-1]["date"],
        events=tuple(opened),
        past=(made,),
        stretches=(role.at_home(today),),
        link=link,
        about=f"a link of {owner.name} to {path} has leaked",
    )


LEAKED_LINK: Final = Behaviour(kind="leaked_link", policy="link_spread", malicious=True, stage=stage)
