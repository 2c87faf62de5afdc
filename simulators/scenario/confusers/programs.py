"""What programs do in people's names: a sync after a holiday, previews in a file manager, previews by an app."""

from typing import Final

from simulators.scenario import files
from simulators.scenario.events import DESKTOP, file_event
from simulators.scenario.role import MINUTE_MS, SECOND_MS, Behaviour, Role, Staged


def stage_sync(role: Role) -> Staged:
    """The desktop app fetches 300 to 900 files of a folder that was marked for offline use."""
    return _fetched(role, DESKTOP, role.draw.randint(300, 900), 10 * MINUTE_MS, "syncs a folder")


def stage_thumbnails(role: Role) -> Staged:
    """A file manager shows a folder with thumbnails: 70 to 200 downloads within a minute."""
    return _fetched(role, DESKTOP, role.draw.randint(70, 200), 50 * SECOND_MS, "looks at thumbnails")


def stage_integration(role: Role) -> Staged:
    """An integration indexes 150 to 400 files with the user's token."""
    return _fetched(role, "Public API", role.draw.randint(150, 400), 5 * MINUTE_MS, "lets an app index a folder")


def _fetched(role: Role, client: str, count: int, length_ms: int, does: str) -> Staged:
    draw, person = role.draw, role.person
    today = role.workday()
    start_ms = role.at(today, draw.uniform(9, 16))
    folder = f"/Shared/{person.department}/{draw.choice(files.FOLDERS[person.department])}"
    moments = role.moments(start_ms, length_ms, count)
    events = tuple(
        file_event(person, at_ms, "Download", path, ip=person.home_ip, client=client)
        for at_ms, path in zip(moments, files.plunder(folder, count, draw), strict=True)
    )
    return Staged(
        start_ms=start_ms,
        end_ms=moments[-1],
        events=events,
        stretches=(role.at_home(today),),
        about=f"{person.name} {does}: {count} files",
    )


SYNC: Final = Behaviour(
    kind="sync_storm", policy="mass_download", malicious=False, stage=stage_sync, also=("new_client",)
)
THUMBNAILS: Final = Behaviour(
    kind="thumbnails", policy="mass_download", malicious=False, stage=stage_thumbnails, also=("new_client",)
)
INTEGRATION: Final = Behaviour(
    kind="app_previews", policy="mass_download", malicious=False, stage=stage_integration, also=("new_client",)
)
