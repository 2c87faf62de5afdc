"""A newsletter: a link that is meant for many, and opened by many."""

from typing import Final

from simulators.scenario import files
from simulators.scenario.events import RawEvent, file_event
from simulators.scenario.people import Stranger
from simulators.scenario.role import DAY_MS, HOUR_MS, Behaviour, Role, Staged

ANONYMOUS: Final = Stranger("Anonymous")
HALF_LIFE_MS: Final = 5 * HOUR_MS


def stage(role: Role) -> Staged:
    """60 to 200 readers, most of them of the author's country, most within the first day."""
    draw, author = role.draw, role.person
    today = role.workday(2)
    made_ms = role.at(today, draw.uniform(9, 12))
    link = files.link(draw)
    path = f"/Shared/Sales/Campaigns/Newsletter {draw.randint(1, 99)}.pdf"
    made = file_event(author, made_ms, "Create Link", path, ip=author.home_ip, target=link)
    opened: list[RawEvent] = []
    at_home, abroad = role.organisation.atlas.within(author.city.country), role.organisation.atlas.cities
    for _ in range(draw.randint(60, 200)):
        at_ms = made_ms + HOUR_MS + min(2 * DAY_MS, round(draw.expovariate(1 / HALF_LIFE_MS)))
        ip = draw.choice(at_home if draw.random() < 0.85 else abroad).address(draw)
        action = draw.choice(("Preview via Link", "Preview via Link", "Download via Link"))
        opened.append(file_event(ANONYMOUS, at_ms, action, path, ip=ip, target=link))
    opened.sort(key=lambda event: int(event["date"]))
    return Staged(
        start_ms=made_ms,
        end_ms=opened[-1]["date"],
        events=(made, *opened),
        stretches=(role.at_home(today),),
        link=link,
        about=f"the newsletter of {author.name} has {len(opened)} readers",
    )


NEWSLETTER: Final = Behaviour(
    kind="newsletter_link", policy="link_spread", malicious=False, stage=stage, also=("link_spread",)
)
