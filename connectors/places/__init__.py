"""Where an address is, and what kind of network it belongs to: geo-IP databases and IP lists."""

from connectors.places.errors import PlacesError
from connectors.places.places import Places, Refreshed
from connectors.places.view import Located, View

__all__ = ["Located", "Places", "PlacesError", "Refreshed", "View"]
