"""The ward's hub: keeps what devices send, raises alerts, shows the board."""

from edge import __version__

__all__ = ["__version__"]
