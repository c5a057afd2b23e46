import subprocess
import sys

from edge.sound_devices import devices

LOOK_WHILE_ANOTHER_THREAD_LOGS = """
import logging, sys, threading, time
from edge.errors import MicrophoneError
from edge.sound_devices import devices
logging.basicConfig(stream=sys.stderr, format="%(message)s")
def log():
    for number in range(300):
        logging.warning("line %d", number)
        time.sleep(0.001)
thread = threading.Thread(target=log)
thread.start()
while thread.is_alive():
    try:
        devices()
    except MicrophoneError:
        pass
"""


def test_lists_the_devices(microphone):
    assert "bedmic" in [device.name for device in devices()]


def test_looking_for_devices_prints_nothing_and_swallows_no_line_of_ours(root):
    run = [sys.executable, "-c", LOOK_WHILE_ANOTHER_THREAD_LOGS]
    result = subprocess.run(run, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr.splitlines() == [f"line {number}" for number in range(300)]
