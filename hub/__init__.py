"""The ward's hub: keeps what devices send, raises alerts, shows the board."""
