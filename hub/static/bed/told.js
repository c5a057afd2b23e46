// What happened and who did what, in words, newest first.

import { byId, el, icon } from "../dom.js";
import { known, number, span, t, time } from "../i18n.js";
import * as silences from "../silences.js";
import * as words from "../words.js";
import { moment } from "./said.js";

const SIGNS = { accept: "person", close: "check", pause: "sound-off", mute: "sound-off", unmute: "sound-on", "mute over": "sound-on" };
const CUT = ["offline", "silent", "deaf"];

export function drawTold(data) {
  const alerts = new Map(data.alerts.map((one) => [one.id, one]));
  const items = data.happenings.map((one) => item(one, alerts.get(one.alert), data));
  byId("told-none").hidden = items.length > 0;
  byId("told").replaceChildren(...items);
}

function item(one, alert, data) {
  const { sign, text, kind } = entry(one, alert, data.now);
  const when = el("time", { datetime: new Date(one.at * 1000).toISOString() }, moment(one.at, data.now));
  return el("li", { "data-kind": kind }, icon(sign), when, el("span", { dir: "auto" }, text));
}

function entry(one, alert, now) {
  const which = alert ? words.alertWord(alert) : "";
  const named = { name: words.person(one.person ?? ""), word: which };
  switch (one.what) {
    case "raised": {
      const place = alert.device_id === null ? `${words.place(alert)}: ` : "";
      const first = { ...alert, priority: one.priority };
      const values = { word: words.alertWord(first), reason: words.reason(alert, now) };
      const late = alert.missed ? ` ${t("told_missed", { time: time(alert.opened_at) })}` : "";
      return { sign: words.alertIcon(first), text: `${place}${t("told_raised", values)}${late}`, kind: words.rankName(first) };
    }
    case "high":
      return { sign: "high", text: t("told_high", named), kind: "high" };
    case "called":
      return { sign: "person", text: t(`told_called_${one.level}`, named), kind: "plain" };
    case "outside": {
      const key = known(`told_outside_${one.state}`) ? one.state : "pending";
      return { sign: "person", text: t(`told_outside_${key}`, { name: one.name }), kind: one.state === "failed" ? "unheard" : "plain" };
    }
    case "resolved":
      return { sign: "check", text: t("told_resolved", named), kind: "plain" };
    case "close": {
      const outcome = words.OUTCOMES.includes(one.outcome) ? t(words.outcomeKey(one.outcome)) : "";
      return { sign: "check", text: t("told_close", { ...named, outcome }), kind: "deed" };
    }
    case "mute": {
      const values = { ...named, span: t("minutes", { n: number(one.minutes) }), reason: silences.reason(one.reason) };
      return { sign: SIGNS.mute, text: t("told_mute", values), kind: "deed" };
    }
    case "episode": {
      const values = { emotion: words.emotion(one.emotion).word, span: span(one.end_at - one.onset_at), peak: number(Math.round(one.peak * 100)) };
      return { sign: words.emotion(one.emotion).icon, text: t("told_episode", { what: t("episode_of", values) }), kind: "plain" };
    }
    case "moved":
      return { sign: "link", text: t("told_moved", { from: words.isolated(one.from_bed), to: words.isolated(one.to_bed) }), kind: "plain" };
    case "online":
    case "microphone": {
      const mic = words.microphone(one.microphone);
      const text = one.what === "online" ? t("told_online", { microphone: mic.word }) : t("told_microphone", { microphone: mic.word });
      return { sign: mic.icon, text: because(text, one.reason), kind: mic.tone === "ok" ? "plain" : "unheard" };
    }
    default:
      return other(one, named);
  }
}

// What the device or the broker gave as the reason is their own English word.
function because(text, reason) {
  return reason ? `${text} (${reason})` : text;
}

function other(one, named) {
  const key = `told_${one.what.replaceAll(" ", "_")}`;
  const text = known(key) ? t(key, named) : t("told_deed", named); // one that a newer hub knows
  const cut = CUT.includes(one.what);
  const sign = SIGNS[one.what] || (cut ? "link-off" : "check");
  return { sign, text: because(text, cut ? one.reason : ""), kind: cut ? "unheard" : one.person ? "deed" : "plain" };
}
