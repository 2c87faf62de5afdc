"""The files that people work on."""

import random
from typing import Final

from simulators.scenario.people import Person

FOLDERS: Final = {
    "Finance": ("Budgets", "Invoices", "Forecasts", "Audit"),
    "HR": ("Payroll", "Contracts", "Reviews", "Offers"),
    "Engineering": ("Designs", "Plans", "Reports", "Specifications"),
    "Sales": ("Proposals", "Customers", "Prices", "Campaigns"),
    "Legal": ("Contracts", "Patents", "Disputes", "Templates"),
}
STEMS: Final = (
    "Overview",
    "Draft",
    "Final",
    "Notes",
    "Summary",
    "Annex",
    "Plan",
    "List",
    "Review",
    "Minutes",
    "Figures",
    "Letter",
)
ENDINGS: Final = ("docx", "xlsx", "pdf", "pptx", "dwg", "csv")
LINK_CHARS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


def own_file(person: Person, draw: random.Random) -> str:
    """A file of the person's department, at times of their own folder."""
    if draw.random() < 0.1:
        return f"/Private/{person.email.partition('@')[0]}/{name(draw)}"
    return f"/Shared/{person.department}/{draw.choice(FOLDERS[person.department])}/{name(draw)}"


def name(draw: random.Random) -> str:
    """A file's name."""
    return f"{draw.choice(STEMS)} {draw.randint(1, 60)}.{draw.choice(ENDINGS)}"


def plunder(folder: str, count: int, draw: random.Random) -> list[str]:
    """`count` different files of `folder`, in order: what a thief takes."""
    every = [
        f"{folder}/{stem} {number}.{ending}" for stem in STEMS for number in range(1, 61) for ending in ENDINGS[:3]
    ]
    return sorted(draw.sample(every, count))


def link(draw: random.Random) -> str:
    """The address of a shared link."""
    return "https://acme.egnyte.com/dl/" + "".join(draw.choices(LINK_CHARS, k=10))
