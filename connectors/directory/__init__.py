"""People from every source become one directory: joined, published by alias, and their changes told.

A source (`connectors.egnyte.users`, `connectors.entra`) hands `schemas.directory.DirectoryEntry` to
`DirectoryPublisher.put`, and knows nothing of other sources, of Kafka or of what has changed.
"""

from connectors.directory.directory import Directory
from connectors.directory.publisher import DirectoryPublisher, Put

__all__ = ["Directory", "DirectoryPublisher", "Put"]
