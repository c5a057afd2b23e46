// A worker that ticks. Browsers slow the timers of a page that nobody sees down to one a minute; a worker's go on.

const TICK_MS = 250;

setInterval(() => postMessage(null), TICK_MS);
