"""The whole daemon at a bed whose microphone comes late, goes away and hangs: what the hub is told."""

import time


def test_no_microphone_then_one_then_none_then_one_that_hangs(
    broker, make_hub, start_edge, config_file, noisy_microphone, until
):
    hub = make_hub(broker.port)

    def told():
        return [message["microphone"] for message in hub.of("state") if message["status"] == "online"]

    noisy_microphone.unplug()
    config = config_file(broker.port, extra='[microphone]\ndevice = "bedmic"')
    process = start_edge("run", "--config", config)
    until(lambda: "lost" in told(), 20)
    noisy_microphone.plug_in()
    until(lambda: told()[-1] == "healthy", 30)
    noisy_microphone.unplug()
    until(lambda: told()[-1] == "lost", 20)
    assert "there is no microphone" in hub.of("state")[-1]["reason"]
    noisy_microphone.plug_in()
    until(lambda: told()[-1] == "healthy", 30)
    noisy_microphone.freeze()
    until(lambda: told()[-1] == "stalled", 20)
    started = time.monotonic()
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - started < 4  # two seconds, and a busy machine
    assert process.returncode == 0, err
    assert hub.of("state")[-1]["status"] == "offline"
    assert err.count("there is no microphone") == 2
    assert "Traceback" not in err
