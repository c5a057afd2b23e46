"""`check` started by hand beside the service, behind whose fence its files and secrets are."""

from machine import CHECKOUT

CONFIG = "/etc/bedside-ser/edge.toml"
SCENE = CHECKOUT / "tests" / "data" / "scene.wav"


def check(machine, *before):
    environment = ["env", f"PYTHONPATH={CHECKOUT}", "PYTHONDONTWRITEBYTECODE=1"]
    command = [machine.python, "-P", "-m", "edge", "check", "--config", CONFIG]
    return machine.run(*before, *environment, *map(str, command), check=False)


def files(machine):
    return set(machine.run("find", "/var/lib/private/bedside-edge").splitlines())


def test_beside_the_service(machine, configure, guarded_broker, until):
    port, login = guarded_broker
    configure(port, broker=login)
    out = check(machine)
    assert "ok  broker" in out, "the secret is taken from where the service would be given it"
    machine.start("--source", SCENE, "--repeat")
    until(lambda: "; connected" in machine.show("StatusText"), 20)
    before = files(machine)
    out = check(machine)
    assert "ok  broker" in out
    assert "takes us as bed-1" in out
    assert "ok  disk" in out
    assert "writable, outbox" in out
    assert files(machine) == before
    assert machine.show("ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    # Anybody else may look at what is theirs to see; the secret is not.
    nobody = ("setpriv", "--reuid=nobody", "--clear-groups")
    assert check(machine, *nobody) == "", "one sentence, on standard error"
    configure(port)
    out = check(machine, *nobody)
    assert "--  disk          /var/lib/bedside-edge is hidden from nobody and the running" in out
    assert "--  microphone    not listened to: whether the bed is muted can only be read by" in out
    assert "-> to see it, run this as root" in out
