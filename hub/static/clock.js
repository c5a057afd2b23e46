// Seconds that have passed for this page. The tablet's clock may be set at any time and counts for nothing, but for
// one thing: the browser's own counter may stand still while the tablet sleeps.

const SLEPT_MS = 1000; // so much more on the tablet's clock than on the counter

let counter = performance.now();
let wall = Date.now();
let passed = 0;

export function seconds() {
  const step = performance.now() - counter;
  const slept = Date.now() - wall - step;
  counter += step;
  wall += step + slept;
  passed += step + (slept > SLEPT_MS ? slept : 0);
  return passed / 1000;
}
