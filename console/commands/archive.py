"""`egnyte-watch console`: the archive's process."""

import asyncio
from typing import Annotated

import typer

from console.session import session_of


def console(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port to listen at. Default: console.port.")
    ] = None,
) -> None:
    """Keep the archive of activities, findings and governance, show it in the browser, and answer searches, until
    SIGTERM or Ctrl-C."""
    import msgspec

    from console.web.service import serve

    session = session_of(context)
    settings = session.settings
    if port is not None:
        settings = msgspec.structs.replace(settings, console=msgspec.structs.replace(settings.console, port=port))
    asyncio.run(serve(settings, lambda words: session.out.print(words, soft_wrap=True, markup=False, highlight=False)))
