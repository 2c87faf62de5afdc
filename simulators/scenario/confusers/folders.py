"""Whole folders deleted, moved and copied at once, for which Egnyte writes a row for each child; and tidying up."""

from collections.abc import Callable
from typing import Final

from simulators.scenario import files
from simulators.scenario.events import WEB, RawEvent, file_event
from simulators.scenario.role import HOUR_MS, MINUTE_MS, Behaviour, Role, Staged

Stage = Callable[[Role], Staged]


def stage_delete(role: Role) -> Staged:
    """An old project is deleted: one folder, and 200 to 800 rows of its children."""
    return _whole(role, "Delete File or Folder", "Delete - Parent", "deletes an old project")


def stage_move(role: Role) -> Staged:
    """A folder is moved to the archive, with 200 to 800 children."""
    return _whole(role, "Move File or Folder", "Move - Parent", "archives a project")


def stage_handover(role: Role) -> Staged:
    """A manager copies the folder of somebody who leaves, and reads 15 to 40 files of it."""
    staged = _whole(role, "Copy File or Folder", "Copy - Parent", "takes over the work of a leaver")
    draw, manager = role.draw, role.person
    start_ms = staged.end_ms + 5 * MINUTE_MS
    read = files.plunder(f"/Shared/{manager.department}/Handover", draw.randint(15, 40), draw)
    events = tuple(
        file_event(manager, at_ms, draw.choice(("Preview", "Download")), path, ip=manager.home_ip)
        for at_ms, path in zip(role.moments(start_ms, HOUR_MS, len(read)), read, strict=True)
    )
    return Staged(
        start_ms=staged.start_ms,
        end_ms=events[-1]["date"],
        events=staged.events + events,
        stretches=staged.stretches,
        about=staged.about,
    )


def stage_tidying(role: Role) -> Staged:
    """Somebody tidies up: 40 to 90 files deleted one after the other, within a quarter of an hour."""
    draw = role.draw
    return _each(role, "Delete File or Folder", draw.randint(40, 90), 15 * MINUTE_MS, "tidies up")


def stage_renaming(role: Role) -> Staged:
    """Files get better names: 60 to 150 renames within half an hour, their extensions stay or become other usual
    ones.
    """
    draw = role.draw
    return _each(role, "Move File or Folder", draw.randint(60, 150), 30 * MINUTE_MS, "renames a folder's files")


def stage_tender(role: Role) -> Staged:
    """Documents for a tender: 8 to 13 links within ten minutes."""
    return _each(role, "Create Link", role.draw.randint(8, 13), 9 * MINUTE_MS, "shares the documents of a tender")


def _whole(role: Role, action: str, child: str, does: str) -> Staged:
    draw, person = role.draw, role.person
    today = role.workday()
    at_ms = role.at(today, draw.uniform(9.5, 17))
    folder = f"/Shared/{person.department}/Old project {draw.randint(1, 99)}"
    target = {"target": folder.replace("/Shared/", "/Shared/Archive/")} if "Delete" not in action else {}
    events: list[RawEvent] = [file_event(person, at_ms, action, folder, ip=person.home_ip, **target)]
    for number, path in enumerate(files.plunder(folder, draw.randint(200, 800), draw)):
        to = {"target": path.replace("/Shared/", "/Shared/Archive/")} if target else {}
        events.append(file_event(person, at_ms + 1 + number * 7, child, path, ip=person.home_ip, **to))
    return _staged(role, events, f"{person.name} {does} with {len(events) - 1} files")


def _each(role: Role, action: str, count: int, length_ms: int, does: str) -> Staged:
    draw, person = role.draw, role.person
    today = role.workday()
    start_ms = role.at(today, draw.uniform(9.5, 16))
    folder = f"/Shared/{person.department}/{draw.choice(files.FOLDERS[person.department])}"
    events: list[RawEvent] = []
    for at_ms, path in zip(role.moments(start_ms, length_ms, count), files.plunder(folder, count, draw), strict=True):
        target = {}
        if action == "Create Link":
            target = {"target": files.link(draw)}
        elif action == "Move File or Folder":
            stem, _, extension = path.rpartition(".")
            target = {"target": f"{stem} (final).{draw.choice((extension, extension, 'pdf'))}"}
        events.append(file_event(person, at_ms, action, path, ip=person.home_ip, client=WEB, **target))
    return _staged(role, events, f"{person.name} {does}: {count}")


def _staged(role: Role, events: list[RawEvent], about: str) -> Staged:
    today = next(day for day in role.workdays() if role.at(day, 0) <= events[0]["date"] < role.at(day, 24))
    return Staged(
        start_ms=events[0]["date"],
        end_ms=events[-1]["date"],
        events=tuple(events),
        stretches=(role.at_home(today),),
        about=about,
    )


def _confuser(kind: str, policy: str, stage: Stage) -> Behaviour:
    return Behaviour(kind=kind, policy=policy, malicious=False, stage=stage, per_400=3)


FOLDERS: Final = (
    _confuser("folder_deleted", "mass_delete", stage_delete),
    _confuser("folder_archived", "ransomware", stage_move),
    _confuser("handover", "mass_download", stage_handover),
    _confuser("tidying", "mass_delete", stage_tidying),
    _confuser("renaming", "ransomware", stage_renaming),
    _confuser("tender", "mass_share", stage_tender),
)
