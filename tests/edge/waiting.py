"""Waiting for something to come true."""

import time

import pytest


def until(condition, seconds=10.0):
    """Waits for the condition and returns its value; fails the test when it never comes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    return pytest.fail(f"still not so after {seconds} s")
