// The event stream, and whether it is alive. The browser resumes it by Last-Event-ID on its own;
// where it gave up, or the line is dead without saying so, a new one starts and is sent everything.

import { every } from "./every.js";

const CHECK_MS = 500;
const RENEW_S = 11; // two pings missed: this connection is dead, whatever it says
const AGAIN_S = 2;

export class Feed {
  constructor({ silentS, onBoard, onLive }) {
    this.silentS = silentS;
    this.onBoard = onBoard;
    this.onLive = onLive;
    this.heardAt = Date.now();
    this.openedAt = 0;
    this.offset = 0; // the hub's clock less ours, in seconds
    this.silentParts = [];
    this.ready = false;
    this.open();
    every(CHECK_MS, () => this.check());
    document.addEventListener("visibilitychange", () => this.check());
    window.addEventListener("online", () => this.check());
  }

  now() {
    return Date.now() / 1000 + this.offset;
  }

  silence() {
    return (Date.now() - this.heardAt) / 1000;
  }

  open() {
    if (this.source) this.source.close();
    this.openedAt = Date.now();
    this.source = new EventSource("/api/stream");
    this.source.addEventListener("board", (event) => {
      this.heard();
      this.onBoard(JSON.parse(event.data));
      this.ready = true;
    });
    this.source.addEventListener("ping", (event) => {
      const ping = JSON.parse(event.data);
      this.offset = ping.now - Date.now() / 1000;
      this.silentParts = ping.silent;
      this.heard();
      this.check();
    });
  }

  heard() {
    this.heardAt = Date.now();
  }

  check() {
    const silence = this.silence();
    const waited = (Date.now() - this.openedAt) / 1000;
    const closed = this.source.readyState === EventSource.CLOSED;
    if ((closed && waited > AGAIN_S) || (silence > RENEW_S && waited > RENEW_S)) this.open();
    this.onLive({
      live: silence < this.silentS && this.silentParts.length === 0,
      ready: this.ready,
      silence,
      heardAt: this.heardAt / 1000,
      parts: this.silentParts,
    });
  }
}
