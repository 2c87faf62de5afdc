"""What a thief does once inside: looks around, then takes one folder file by file."""

from collections.abc import Iterator

from simulators.scenario import files
from simulators.scenario.events import RawEvent, file_event
from simulators.scenario.role import Role


def plundering(role: Role, start_ms: int, ip: str) -> Iterator[RawEvent]:
    """Two or three previews, then 8 to 25 downloads of one folder, over 5 to 25 minutes from `start_ms`, in order."""
    draw, person = role.draw, role.person
    folder = f"/Shared/{person.department}/{draw.choice(files.FOLDERS[person.department])}"
    wanted = files.plunder(folder, draw.randint(10, 28), draw)
    looks = draw.randint(2, 3)
    length_ms = draw.randint(300_000, 1_500_000)
    moments = sorted(start_ms + draw.randint(0, length_ms) for _ in wanted)
    for number, (at_ms, path) in enumerate(zip(moments, wanted, strict=True)):
        yield file_event(person, at_ms, "Preview" if number < looks else "Download", path, ip=ip)
