"""The bedside daemon: hears a voice, estimates its emotion, tells the hub."""

__version__ = "0.1.0"
