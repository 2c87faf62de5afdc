"""Who somebody is, as far as governance must know before it acts."""

import msgspec

from schemas.directory import DirectoryRecord


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One person. `names`: all by which rules may name them. `addresses`: where they may be written to, the best first.
    `entra_ids`, `egnyte_ids`: accounts to act on. `auth_type`: how Egnyte lets them in (`egnyte`: by a password of its
    own), empty where not known. `synced`: an on-premises directory overrides what is changed in Entra ID.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    known: bool = False
    guest: bool = False
    privileged: bool = False
    synced: bool = False
    auth_type: str = ""
    entra_ids: tuple[str, ...] = ()
    egnyte_ids: tuple[str, ...] = ()

    @property
    def by_entra(self) -> bool:
        """Whether they sign in to Egnyte by Entra ID, as far as is known."""
        return self.auth_type != "egnyte"


def standing_of(user: str, record: DirectoryRecord | None) -> Standing:
    """Who `user` (the user key's part) is, by the directory's record of them; None where it has none."""
    if record is None:
        return Standing(names=(user,))
    account = record.account
    return Standing(
        names=_names(user, record),
        addresses=(record.email, record.upn, record.user_name, user),
        known=True,
        guest=account.guest,
        privileged=account.privileged,
        synced=record.synced,
        auth_type=account.auth_type,
        entra_ids=record.entra_ids,
        egnyte_ids=record.egnyte_ids,
    )


def _names(user: str, record: DirectoryRecord) -> tuple[str, ...]:
    """Every name of the person that `record` has: the primary one also has those of each source."""
    names = [user, record.alias, record.email, record.upn, record.user_name, *record.aliases]
    for entry in record.entries:
        names += (entry.email, entry.upn, entry.user_name, entry.idp_user_id)
    return tuple(dict.fromkeys(name for name in names if name))
