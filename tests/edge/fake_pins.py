"""A Raspberry Pi's pins that are not there: gpiozero's own stand-in."""

from gpiozero.pins.mock import MockPin


class ClosedSwitch(MockPin):
    """Wired to ground, whatever the pull."""

    def _set_pull(self, value):
        super()._set_pull(value)
        self.drive_low()
