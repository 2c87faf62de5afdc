"""The section `oidc` of the settings: who signs people in to the console, and what they may do there."""

from typing import Annotated

import msgspec
from msgspec import Meta

from streams.secret import Secret
from streams.section_types import HttpUrl, Text


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenID provider (Entra ID or any other) that signs people in. Empty `issuer`: none; the console's own token
    and link open it, on this machine."""

    issuer: HttpUrl = ""
    """The provider's issuer, exactly as in its tokens; for Entra ID
    `https://login.microsoftonline.com/<tenant id>/v2.0`."""
    client_id: str = ""
    client_secret: Secret = Secret()
    """Empty for a client that has none (a public one): then PKCE alone proves who asks for the tokens."""
    console_url: HttpUrl = ""
    """Where browsers reach the console, without a path. `<console_url>/login/callback` is to be registered with the
    provider."""
    scopes: Text = "openid profile email"
    """Separated by blanks. Some providers want one more for groups."""
    roles_claim: Text = "roles"
    """The claim of the ID token that names roles or groups; `a.b` is `b` within `a`. For Entra ID `roles` (app roles)
    or `groups` (object ids)."""
    viewers: str = ""
    """Values of that claim, separated by commas, that let people look; `*` is everybody whom the provider signs in."""
    analysts: str = ""
    """Those that let people judge findings as well."""
    admins: str = ""
    """Those that let people act as well: undo and retry actions, mark addresses."""
    name_claim: Text = "preferred_username"
    """The claim whose value people are called by in the audit trail; where it is missing, `email`, `name`, `sub`."""
    contact: Text = "whoever runs this console"
    """Whom people without a role are told to ask."""
    clock_skew_s: Annotated[int, Meta(ge=0, le=300)] = 60
    """How far the provider's clock may be from ours."""
    allow_http: bool = False
    """Allow plain http to hosts other than this machine. Codes and tokens would travel in clear."""
