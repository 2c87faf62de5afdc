"""What insiders, or thieves at their desks, do to files: take, delete and share far more than anybody does."""

from typing import Final

from simulators.scenario import files
from simulators.scenario.events import DESKTOP, WEB, RawEvent, file_event, login_event
from simulators.scenario.role import HOUR_MS, MINUTE_MS, Behaviour, Role, Staged


def stage_rush(role: Role) -> Staged:
    """A folder taken whole: 80 to 300 downloads within a minute or two."""
    count = role.draw.randint(80, 300)
    return _bulk(role, "Download", count, round(count * role.draw.uniform(200, 450)), "downloads whole folders")


def stage_patient(role: Role) -> Staged:
    """350 to 700 downloads over an evening, one by one."""
    return _bulk(role, "Download", role.draw.randint(350, 700), 4 * HOUR_MS, "downloads file by file all evening")


def stage_deletion(role: Role) -> Staged:
    """150 to 400 deletions in a few minutes."""
    return _bulk(role, "Delete File or Folder", role.draw.randint(150, 400), 4 * MINUTE_MS, "deletes what others need")


def stage_purge(role: Role) -> Staged:
    """300 to 500 files purged from the trash over two hours."""
    return _bulk(role, "Delete From Trash", role.draw.randint(300, 500), 2 * HOUR_MS, "empties the trash")


def stage_links(role: Role) -> Staged:
    """25 to 60 links within ten minutes."""
    return _bulk(role, "Create Link", role.draw.randint(25, 60), 9 * MINUTE_MS, "makes links to everything")


def _bulk(role: Role, action: str, count: int, length_ms: int, does: str) -> Staged:
    draw, insider = role.draw, role.person
    today = role.workday()
    start_ms = role.at(today, draw.uniform(17, 19.5))
    ip = insider.home_ip
    folder = f"/Shared/{insider.department}/{draw.choice(files.FOLDERS[insider.department])}"
    events: list[RawEvent] = [login_event(insider, start_ms - 30_000, "Login", ip=ip)]
    synced = action == "Delete File or Folder" and insider.has_desktop_app and draw.random() < 0.5
    client = DESKTOP if synced else WEB
    moments = role.moments(start_ms, length_ms, count)
    for at_ms, path in zip(moments, files.plunder(folder, count, draw), strict=True):
        link = {"target": files.link(draw)} if action == "Create Link" else {}
        events.append(file_event(insider, at_ms, action, path, ip=ip, client=client, **link))
    return Staged(
        start_ms=events[0]["date"],
        end_ms=moments[-1],
        events=tuple(events),
        stretches=(role.at_home(today),),
        about=f"{insider.name} {does}: {count} in {folder}",
    )


RUSH: Final = Behaviour(kind="download_rush", policy="mass_download", malicious=True, stage=stage_rush)
PATIENT: Final = Behaviour(kind="patient_download", policy="mass_download", malicious=True, stage=stage_patient)
DELETION: Final = Behaviour(kind="deletion", policy="mass_delete", malicious=True, stage=stage_deletion)
PURGE: Final = Behaviour(kind="purge", policy="mass_delete", malicious=True, stage=stage_purge)
LINKS: Final = Behaviour(kind="link_flood", policy="mass_share", malicious=True, stage=stage_links, per_400=6)
