"""How a card becomes a listening bed: provisioned at the hub, set up by the box itself from one file."""
