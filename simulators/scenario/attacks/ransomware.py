"""Ransomware on a synced computer: hundreds of files get another name within minutes."""

from typing import Final

from simulators.scenario import files
from simulators.scenario.events import DESKTOP, RawEvent, file_event
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, Role, Staged

KNOWN: Final = ("locky", "lockbit", "wncry", "ryk", "akira", "conti")


def stage_uploads(role: Role) -> Staged:
    """The sync uploads encrypted copies with an extension that is known, and deletes the originals."""
    return _encrypt(role, role.draw.choice(KNOWN), rename=False)


def stage_renames(role: Role) -> Staged:
    """Files are renamed to an extension made up for this victim."""
    return _encrypt(role, _made_up(role), rename=True)


def stage_unknown_uploads(role: Role) -> Staged:
    """The sync uploads copies with a made-up extension behind the right one."""
    return _encrypt(role, _made_up(role), rename=False)


def _made_up(role: Role) -> str:
    return "".join(role.draw.choices("bcdfghjkmnpqrstvwxz", k=role.draw.randint(6, 8)))


def _encrypt(role: Role, extension: str, *, rename: bool) -> Staged:
    draw, victim = role.draw, role.person
    today = role.workday()
    start_ms = role.at(today, draw.uniform(9, 22))
    folder = f"/Shared/{victim.department}/{draw.choice(files.FOLDERS[victim.department])}"
    count = draw.randint(80, 400)
    moments = role.moments(start_ms, round(count * draw.uniform(300, 1_800)), count)
    common = {"ip": victim.home_ip, "client": DESKTOP}
    events: list[RawEvent] = []
    for at_ms, path in zip(moments, files.plunder(folder, count, draw), strict=True):
        if rename:
            events.append(
                file_event(victim, at_ms, "Move File or Folder", path, target=f"{path}.{extension}", **common)
            )
        else:
            events.append(file_event(victim, at_ms, "Upload", f"{path}.{extension}", **common))
            events.append(file_event(victim, at_ms + 50, "Delete File or Folder", path, **common))
    events.append(file_event(victim, moments[-1] + 200, "Upload", f"{folder}/HOW TO RECOVER.txt", **common))
    events.sort(key=lambda event: int(event["date"]))
    return Staged(
        start_ms=start_ms,
        end_ms=events[-1]["date"],
        events=tuple(events),
        stretches=(role.at_home(today),),
        about=f"the computer of {victim.name} encrypts {count} files in {folder} (.{extension})",
    )


def _syncs(person: Person, organisation: Organisation) -> bool:
    return person.has_desktop_app and not person.is_admin


UPLOADS: Final = Behaviour(
    kind="encrypted_uploads",
    policy="ransomware",
    malicious=True,
    stage=stage_uploads,
    fits=_syncs,
    also=("mass_delete",),
)
RENAMES: Final = Behaviour(
    kind="encrypting_renames",
    policy="ransomware",
    malicious=True,
    stage=stage_renames,
    fits=_syncs,
)
UNKNOWN_UPLOADS: Final = Behaviour(
    kind="unknown_extension",
    policy="ransomware",
    malicious=True,
    stage=stage_unknown_uploads,
    fits=_syncs,
    also=("mass_delete",),
)
