// Tells the hub that this board is seen, whether it can sound, and which alerts it has begun to show: what
// no board shows is called on at once, and a ward without a board is an alarm of its own.

import { send } from "./actions.js";

const EVERY_S = 15; // hub/reach.py: FRESH_S
const SETTLE_MS = 300; // what comes together is told together
const AGAIN_MS = 3000; // after a failure

export class Presence {
  constructor() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    this.board = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.state = { live: false, sounds: false };
    this.shown = new Map(); // the level at which each alert was last told of
    this.news = new Map();
    this.timer = 0;
    setInterval(() => this.soon(0), EVERY_S * 1000);
    document.addEventListener("visibilitychange", () => this.soon(0));
  }

  get shows() {
    return this.state.live && document.visibilityState === "visible";
  }

  // What the page shows now: whether it is live, can sound, and its open alerts.
  update(live, sounds, alerts) {
    const changed = live !== this.state.live || sounds !== this.state.sounds;
    this.state = { live, sounds };
    if (this.shows) {
      for (const { id, level } of alerts) {
        if ((this.shown.get(id) ?? -1) < level) this.news.set(id, level);
      }
      if (this.shown.size > 4 * alerts.length + 1000) this.shown.clear();
    }
    if (changed || this.news.size) this.soon(SETTLE_MS);
  }

  soon(milliseconds) {
    if (!this.timer) this.timer = setTimeout(() => this.tell(), milliseconds);
  }

  async tell() {
    const alerts = this.shows ? [...this.news].slice(0, 1000) : [];
    const said = { board: this.board, shows: this.shows, sounds: this.state.sounds, alerts };
    for (const [id, level] of alerts) this.shown.set(id, level);
    for (const [id] of alerts) this.news.delete(id);
    const { ok: told } = await send("/api/presence", said); // a hub that is away is said by NOT LIVE
    if (!told) for (const [id] of alerts) this.shown.delete(id); // told again with the next look at the page
    this.timer = 0;
    if (told && this.news.size) this.soon(SETTLE_MS);
    else if (!told) this.soon(AGAIN_MS);
  }
}
