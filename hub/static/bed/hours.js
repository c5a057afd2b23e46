// A bed's hours as the hub tells them: one request at a time, of which the newest wish wins; a failure is tried
// again. Called once a second it keeps hours that reach up to now up to date.

const FRESH_MS = 15000; // what is heard comes as a minute's summary
const SOON_MS = 1500; // after something that people did or were called to; such changes come in bursts
const AGAIN_MS = 5000; // after a failure
const WAIT_MS = 10000;

export class Hours {
  // `path()`: what to ask for now. `onAnswer(hours)`; `onFailure()`.
  constructor(path, onAnswer, onFailure) {
    this.path = path;
    this.onAnswer = onAnswer;
    this.onFailure = onFailure;
    this.request = null;
    this.askedAt = 0;
    this.waitMs = FRESH_MS; // until the next one
    this.failed = false;
  }

  // Other hours are wished for: whatever is under way is not any more.
  async load() {
    this.request?.abort();
    const request = new AbortController();
    const late = setTimeout(() => request.abort(), WAIT_MS);
    this.request = request;
    this.askedAt = performance.now();
    this.waitMs = FRESH_MS;
    let answer = null;
    try {
      const response = await fetch(this.path(), { signal: request.signal });
      if (response.status === 401) location.assign("/login");
      if (response.ok) answer = await response.json();
    } catch {
      // said below
    }
    clearTimeout(late);
    if (this.request !== request) return;
    this.request = null;
    this.failed = answer === null;
    if (answer) {
      this.onAnswer(answer);
    } else {
      this.askedAt = performance.now();
      this.waitMs = AGAIN_MS;
      this.onFailure();
    }
  }

  // Something has happened that these hours tell of.
  changed() {
    this.waitMs = Math.min(this.waitMs, SOON_MS);
  }

  // `grow`: they reach up to now.
  tick(grow) {
    if (this.request || !(grow || this.failed) || performance.now() - this.askedAt < this.waitMs) return;
    this.load();
  }
}
