// Alert sounds made by Web Audio, in the pattern of medical alarms: high ten pulses, medium three,
// technical two low and soft ones once for each alert, and a falling pair of its own where the board is not live. Browsers keep
// sound locked until somebody touches the page; until then the page says so in large letters.

import { byId, icon } from "./dom.js";
import { every } from "./every.js";
import { t } from "./i18n.js";

const TICK_MS = 250;
const REPEAT_S = { high: 5, medium: 10, technical: Infinity, dead: 5 };
const SOFT = { technical: 0.15, ready: 0.3 };
const LOUD = 0.5;
const FADE_S = 0.02;
const PULSES = {
  // [start, frequency, length], in seconds and hertz
  high: [0, 0.2, 0.4, 0.75, 0.95, 1.4, 1.6, 1.8, 2.15, 2.35].map((at) => [at, 880, 0.13]),
  medium: [0, 0.28, 0.56].map((at) => [at, 660, 0.18]),
  technical: [[0, 440, 0.22], [0.32, 392, 0.3]],
  dead: [[0, 520, 0.3], [0.34, 330, 0.5]],
  ready: [[0, 523, 0.12], [0.14, 659, 0.18]],
};

export class Sound {
  constructor() {
    this.context = null;
    this.wanted = null;
    this.pattern = null;
    this.playing = null;
    this.alerts = [];
    this.lastAt = -Infinity;
    this.heard = new Set(); // alerts whose technical sound has been
    this.button = byId("sound");
    this.bar = byId("sound-off");
    for (const control of [this.button, this.bar]) {
      control.addEventListener("click", async () => {
        await this.unlock();
        if (this.on) this.play("ready");
      });
    }
    // Any other touch unlocks the sound too.
    for (const name of ["pointerup", "keydown"]) {
      document.addEventListener(name, () => this.unlock(), { capture: true });
    }
    this.create();
    every(TICK_MS, () => this.tick());
    this.show();
  }

  get on() {
    return this.context !== null && this.context.state === "running";
  }

  create() {
    try {
      this.context = new AudioContext();
      this.context.addEventListener("statechange", () => this.show());
    } catch {
      this.context = null; // no sound on this machine: the bar stays
    }
  }

  async unlock() {
    if (!this.context || this.on) return;
    try {
      await this.context.resume();
    } catch {
      // still locked
    }
    this.show();
  }

  // What should be heard from now on: high, medium, technical, dead or null; and for which alerts.
  want(kind, alerts) {
    this.alerts = alerts;
    if (kind === this.wanted) {
      const fresh = alerts.some((id) => !this.heard.has(id));
      if (kind === "technical" && fresh) this.lastAt = -Infinity;
      this.tick();
      return;
    }
    if (this.playing !== "ready") this.stop(); // who has accepted, paused or muted hears it at once
    const fresh = kind !== "technical" || alerts.some((id) => !this.heard.has(id));
    const louder = kind !== null && fresh && (this.wanted === null || REPEAT_S[kind] <= REPEAT_S[this.wanted]);
    this.wanted = kind;
    if (louder) this.lastAt = -Infinity;
    this.tick();
  }

  tick() {
    if (!this.wanted || !this.on) return;
    const now = performance.now() / 1000;
    if (now - this.lastAt >= REPEAT_S[this.wanted]) {
      this.lastAt = now;
      if (this.wanted !== "dead") this.heard = new Set(this.alerts);
      this.play(this.wanted);
    }
  }

  play(kind) {
    const loudness = SOFT[kind] || LOUD;
    this.button.dataset.played = kind;
    const start = this.context.currentTime + 0.03;
    const all = this.context.createGain();
    all.connect(this.context.destination);
    this.pattern = all;
    this.playing = kind;
    for (const [at, frequency, length] of PULSES[kind]) {
      const gain = this.context.createGain();
      gain.connect(all);
      gain.gain.setValueAtTime(0, start + at);
      gain.gain.linearRampToValueAtTime(loudness, start + at + 0.02);
      gain.gain.setValueAtTime(loudness, start + at + length - 0.03);
      gain.gain.linearRampToValueAtTime(0, start + at + length);
      for (const [harmonic, share] of [[1, 0.6], [2, 0.25], [3, 0.15]]) {
        const tone = this.context.createOscillator();
        const level = this.context.createGain();
        level.gain.value = share;
        tone.frequency.value = frequency * harmonic;
        tone.connect(level).connect(gain);
        tone.start(start + at);
        tone.stop(start + at + length + 0.02);
      }
    }
  }

  // Whatever sounds now sounds no more; faded, so that it does not click.
  stop() {
    if (this.pattern) this.pattern.gain.setTargetAtTime(0, this.context.currentTime, FADE_S);
    this.pattern = null;
    this.playing = null;
  }

  show() {
    this.bar.hidden = this.on;
    this.button.hidden = !this.on;
    const text = document.createElement("span");
    text.textContent = t(this.on ? "sound_on" : "sound_is_off");
    this.button.dataset.on = this.on ? "yes" : "no";
    this.button.replaceChildren(icon(this.on ? "sound-on" : "sound-off"), text);
    this.button.title = t(this.on ? "sound_test" : "sound_tap");
  }
}
