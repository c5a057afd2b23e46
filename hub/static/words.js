// What the board says of beds and alerts, put together from their fields so that every language can.

import { ago, known, list, number, quantity, span, t, time } from "./i18n.js";

const LOUD_DB = -25; // as the device counts: edge/episodes.py
const QUIET_DB = -45;
const MICROPHONES = {
  healthy: ["mic", "ok"],
  file: ["file", "ok"],
  muted: ["mic-off", "off"],
  recovering: ["mic-off", "bad"],
  silent: ["mic-off", "bad"],
  stalled: ["mic-off", "bad"],
  lost: ["mic-off", "bad"],
};
const UNITS = { seconds: "second", hours: "hour", days: "day", megabytes: "megabyte" };
const REACHED = ["delivered", "pending", "failed"];
const CRITICAL = { high: 0, medium: 1, missed: 2, technical: 3 };

export const OUTCOMES = ["distress", "other need", "false alarm", "could not tell"];

export function emotion(name) {
  const key = `emotion_${name}`;
  return known(key) ? { icon: name, word: t(key) } : { icon: "voice", word: name };
}

export function microphone(state) {
  const [icon, tone] = Object.hasOwn(MICROPHONES, state) ? MICROPHONES[state] : ["mic-off", "off"];
  return { icon, tone, word: t(known(`mic_${state}`) ? `mic_${state}` : "mic_unknown") };
}

export function link(bed, now, staleS) {
  if (bed.status === "offline" && bed.heard_at <= bed.status_at) {
    return { icon: "link-off", word: t("link_offline"), tone: "bad" };
  }
  if (now - bed.heard_at >= staleS) return { icon: "link-off", word: t("link_silent"), tone: "bad" };
  return { icon: "link", word: t("link_ok"), tone: "ok" };
}

export function isOpen(alert) {
  return alert.state === "waiting" || alert.state === "accepted";
}

export function rankName(alert) {
  return alert.missed && alert.priority !== "technical" ? "missed" : alert.priority;
}

// Highest priority first, those still waiting before those accepted, then whoever has waited longest.
export function byUrgency(a, b) {
  return (
    CRITICAL[rankName(a)] - CRITICAL[rankName(b)] ||
    Number(a.state === "accepted") - Number(b.state === "accepted") ||
    a.opened_at - b.opened_at
  );
}

export function alertWord(alert) {
  return t(`alert_${rankName(alert)}`);
}

export function alertIcon(alert) {
  return rankName(alert);
}

// A name in a text of whichever direction, which it must not change.
export function isolated(name) {
  return `\u2068${name}\u2069`;
}

const UNNAMED = /^Tablet (.+), not identified$/;

// Who did something: a person, somebody at a ward's tablet who gave no PIN, or the hub itself.
export function person(name) {
  if (name === "hub") return t("hub");
  const tablet = UNNAMED.exec(name);
  return tablet ? t("tablet_unidentified", { name: tablet[1] }) : name;
}

export function isNamed(name) {
  return !UNNAMED.test(name);
}

// Who accepted it last, and when; an alert that waits again has been accepted and nobody has come.
export function accepted(alert) {
  if (!alert.accepted_by) return "";
  return t("accepted_by", { name: person(alert.accepted_by), time: time(alert.accepted_at) });
}

// Where a bed's device stands or an alert was raised: a bed, a whole ward, or the hub.
export function place(one, withWard = false) {
  if (one.device_id === null) return one.ward || t("hub");
  return withWard ? `${one.bed} · ${one.ward}` : one.bed;
}

// The page of an alert's bed where its device does not stand any more; null for a ward's or the hub's alert.
export function formerPage({ device_id: device, bed }) {
  return device === null ? null : `/beds/${device}?bed=${encodeURIComponent(bed)}`;
}

export function reason(alert, now) {
  if (alert.priority === "technical") return fault(alert);
  const cause = `cause_${alert.emotion}`;
  const values = {
    emotion: known(cause) ? t(cause) : alert.emotion,
    span: span(Math.round((alert.ended_at ?? now) - alert.opened_at)),
  };
  const level = alert.level_db;
  const loudness = level === null ? "" : level >= LOUD_DB ? "_loud" : level < QUIET_DB ? "_quiet" : "";
  const text = t(`reason${loudness}`, values);
  return alert.episodes > 1 ? t("times", { reason: text, n: number(alert.episodes) }) : text;
}

// A technical alert's cause, from its code and values. One from before there were codes has but the
// hub's English sentence.
function fault(alert) {
  const key = `fault_${alert.fault}`;
  if (!known(key)) return alert.reason.charAt(0).toUpperCase() + alert.reason.slice(1);
  const said = Object.entries(alert.fault_values).map(([name, value]) => [name, measure(name, value)]);
  return t(key, Object.fromEntries(said));
}

function measure(name, value) {
  if (Object.hasOwn(UNITS, name)) return quantity(value, UNITS[name]);
  return typeof value === "number" ? number(value) : value;
}

// `bed`: on whose tile; a technical alert goes along with its device, and says where that stood then. Where no
// device stands any more, nobody knows whether it goes on.
export function condition(alert, now, bed = null) {
  if (alert.priority === "technical") {
    const since = t("since", { time: time(alert.opened_at) });
    const moved = bed && alert.device_id !== null && alert.bed !== bed.bed;
    return moved ? `${since} · ${isolated(alert.bed)}` : since;
  }
  if (alert.missed) return t("late", { time: time(alert.opened_at) });
  if (alert.condition !== "ended") return t(bed || alert.device_id === null ? "going_on" : "not_hearing");
  return t("ended", { ago: ago(now - alert.ended_at) });
}

// Who has been called to an alert that nobody has accepted: each level with its time, then what became of
// the calls to people outside. `brief`: only the latest of both, for a tile.
export function called(alert, brief = false) {
  if (alert.state !== "waiting") return "";
  const inside = alert.called.map(({ level, at }) => t(`called_${level}`, { time: time(at) }));
  const told = [...alert.outside].sort((a, b) => REACHED.indexOf(a.state) - REACHED.indexOf(b.state));
  const outside = told.filter(({ state }) => REACHED.includes(state)).map(({ state, name }) => t(`outside_${state}`, { name }));
  const calls = brief ? inside.slice(-1) : inside;
  const names = brief ? outside.slice(0, 1) : outside;
  if (!calls.length && !names.length) return "";
  if (!calls.length) return list(names);
  return t("called", { list: names.length ? `${list(calls)} (${list(names)})` : list(calls) });
}

export function outcome(alert) {
  if (alert.state === "resolved") return t("over_by_itself");
  return OUTCOMES.includes(alert.outcome) ? t(outcomeKey(alert.outcome)) : "";
}

export function outcomeKey(name) {
  return `outcome_${name.replaceAll(" ", "_")}`;
}
