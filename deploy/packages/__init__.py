"""Debian packages: what is in them, and how they are built. On a developer's machine only."""
