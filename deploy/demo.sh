#!/bin/sh
# The main job on one machine: hub with its broker, and one bed. Usage: demo.sh [mic|SOUND_FILE]
# Without an argument: the microphone if there is one, else the recorded scene, over and over.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin

source=${1:-}
if [ -z "$source" ]; then
    if $bin/bedside-edge devices >/dev/null 2>&1; then source=mic; else source=tests/data/scene.wav; fi
fi
case "$source" in
    mic) voice="--source mic"; what="the microphone" ;;
    *)
        [ -r "$source" ] || { echo "There is no sound file $source; name one, or mic." >&2; exit 66; }
        voice="--source $source --repeat"
        what="$source, over and over"
        ;;
esac
for port in 8080 18830; do
    if $bin/python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then
        echo "Port $port is in use, perhaps by another demo; stop that one, or change hub/demo.toml and edge/demo.toml." >&2
        exit 69
    fi
done

hub=""
edge=""
stop() {
    trap - INT TERM EXIT
    for process in $edge $hub; do kill "$process" 2>/dev/null || true; done
    for process in $edge $hub; do wait "$process" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 0' INT TERM

$bin/bedside-hub run --config hub/demo.toml &
hub=$!
tries=0
until $bin/python -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8080/healthz", timeout=1)' 2>/dev/null; do
    tries=$((tries + 1))
    if ! kill -0 "$hub" 2>/dev/null; then wait "$hub"; fi # set -e ends here with the hub's own status
    if [ "$tries" -ge 60 ]; then echo "The hub did not answer on http://127.0.0.1:8080 within a minute; its reason stands above." >&2; exit 69; fi
    sleep 0.5
done

# shellcheck disable=SC2086 # the words of $voice are separate arguments
$bin/bedside-edge run --config edge/demo.toml $voice &
edge=$!
echo
echo "    The board is at  http://127.0.0.1:8080  and Bed 1 hears $what."
echo "    Ctrl-C stops everything."
echo
while kill -0 "$hub" 2>/dev/null && kill -0 "$edge" 2>/dev/null; do sleep 1; done
echo "A part of the demo ended by itself; its reason stands above." >&2
ended=$edge
kill -0 "$edge" 2>/dev/null && ended=$hub
status=0
wait "$ended" || status=$?
exit "$status"
