// Timers that go on in a page that nobody sees, so that an alarm sounds there at its times: they hang on a
// worker's ticks (ticker.js), which come each quarter of a second.

const TICK_MS = 250;
const EARLY_MS = 60; // a tick that comes a little early is not left out
const calls = [];

function tick() {
  const now = performance.now();
  for (const one of calls) {
    if (now < one.due - EARLY_MS) continue;
    one.due = now + one.ms;
    one.call();
  }
}

export function every(ms, call) {
  calls.push({ ms, call, due: performance.now() + ms });
}

try {
  const worker = new Worker("/static/ticker.js");
  worker.addEventListener("message", tick);
  worker.addEventListener("error", () => setInterval(tick, TICK_MS), { once: true });
} catch {
  setInterval(tick, TICK_MS); // a browser without workers
}
