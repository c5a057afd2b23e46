// The event stream, and whether it is alive. The browser resumes it by Last-Event-ID on its own;
// where it gave up, or the line is dead without saying so, a new one starts and is sent everything.

import { seconds } from "./clock.js";
import { every } from "./every.js";

const CHECK_MS = 500;
const RENEW_S = 11; // two pings missed: this connection is dead, whatever it says
const AGAIN_S = 2;

export class Feed {
  constructor({ silentS, onBoard, onLive }) {
    this.silentS = silentS;
    this.onBoard = onBoard;
    this.onLive = onLive;
    this.heardAt = seconds();
    this.openedAt = 0;
    this.offset = Date.now() / 1000 - seconds(); // the hub's clock less `seconds`
    this.silentParts = [];
    this.ready = false;
    this.open();
    every(CHECK_MS, () => this.check());
    document.addEventListener("visibilitychange", () => this.check());
    window.addEventListener("online", () => this.check());
  }

  now() {
    return seconds() + this.offset;
  }

  silence() {
    return seconds() - this.heardAt;
  }

  open() {
    if (this.source) this.source.close();
    this.openedAt = seconds();
    this.source = new EventSource("/api/stream");
    this.source.addEventListener("board", (event) => {
      this.heard();
      this.onBoard(JSON.parse(event.data));
      this.ready = true;
    });
    this.source.addEventListener("ping", (event) => {
      const ping = JSON.parse(event.data);
      this.offset = ping.now - seconds();
      this.silentParts = ping.silent;
      this.heard();
      this.check();
    });
  }

  heard() {
    this.heardAt = seconds();
  }

  check() {
    const silence = this.silence();
    const waited = seconds() - this.openedAt;
    const closed = this.source.readyState === EventSource.CLOSED;
    if ((closed && waited > AGAIN_S) || (silence > RENEW_S && waited > RENEW_S)) this.open();
    this.onLive({
      live: silence < this.silentS && this.silentParts.length === 0,
      ready: this.ready,
      silence,
      heardAt: this.heardAt + this.offset,
      parts: this.silentParts,
    });
  }
}
