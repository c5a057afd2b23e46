// What is silent now, by whom and for how much longer: a pause of an alert's sound, a mute of a bed. Pure,
// but for `Silences`, which remembers what was silent so that its end can be told.

import { known, number, span, t, watch } from "./i18n.js";

export const REASONS = ["care in progress", "therapy", "visitors", "patient away"];
const MINUTE = 60;

// Whether pausing would change anything: the other alerts make no sound, or only once.
export function canPause(alert, now) {
  const heard = alert.priority === "high" || alert.priority === "medium";
  return heard && alert.state === "waiting" && !alert.missed && !isPaused(alert, now);
}

export function isPaused(alert, now) {
  return alert.state === "waiting" && alert.paused_until > now;
}

export function isMuted(bed, now) {
  return bed !== null && bed.muted_until > now;
}

// How much longer, rounded up: 1:32, 12 min, 3 h 59 min.
export function left(until, now) {
  const seconds = Math.max(0, Math.ceil(until - now));
  if (seconds <= 2 * MINUTE) return watch(seconds);
  const minutes = Math.ceil(seconds / MINUTE);
  if (minutes <= 90) return t("minutes", { n: number(minutes) });
  const hours = t("hours", { n: number(Math.floor(minutes / 60)) });
  return minutes % 60 ? `${hours} ${t("minutes", { n: number(minutes % 60) })}` : hours;
}

// What a tile says: its mute, else its alert's pause; null where neither is in force.
export function line(bed, alert, now) {
  const muted = isMuted(bed, now);
  if (!muted && !(alert && isPaused(alert, now))) return null;
  const rest = left(muted ? bed.muted_until : alert.paused_until, now);
  return { words: t(muted ? "hush_mute" : "hush_pause", { left: rest }), left: rest };
}

export function reasonKey(name) {
  return `mute_${name.replaceAll(" ", "_")}`;
}

export function reason(text) {
  return REASONS.includes(text) && known(reasonKey(text)) ? t(reasonKey(text)) : text;
}

// A length that is offered: 15 min, 60 min, 2 h.
export function length(minutes) {
  return span(minutes * MINUTE);
}

export class Silences {
  constructor() {
    this.before = null;
  }

  // What to say of mutes and pauses that have begun, and of those that have ended, since the last call.
  news(beds, alerts, now) {
    const present = new Map();
    for (const bed of beds) {
      if (!isMuted(bed, now)) continue;
      const values = { bed: bed.bed, left: left(bed.muted_until, now), name: bed.muted_by };
      present.set(`bed ${bed.id}`, { begun: t("mute_begun", values), ended: t("mute_ended", values) });
    }
    for (const alert of alerts) {
      if (!isPaused(alert, now)) continue;
      const values = { bed: alert.bed, left: left(alert.paused_until, now), name: alert.paused_by };
      present.set(`alert ${alert.id}`, { begun: t("pause_begun", values), ended: t("pause_ended", values) });
    }
    const before = this.before || present; // at the first look nothing is new
    const waiting = new Set(alerts.filter((alert) => alert.state === "waiting").map((alert) => `alert ${alert.id}`));
    const over = [...before].filter(([key]) => !present.has(key) && (key.startsWith("bed") || waiting.has(key)));
    this.before = present;
    return {
      begun: [...present].filter(([key]) => !before.has(key)).map(([, said]) => said.begun),
      ended: over.map(([, said]) => said.ended),
    };
  }
}
