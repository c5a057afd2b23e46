"""The published JSON Schemas of the wire, one file a message."""
