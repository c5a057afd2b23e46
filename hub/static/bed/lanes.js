// The lanes of the picture. Each draws into chart.root between `top` and `top + height`.

import { number, span, t, time } from "../i18n.js";
import * as silences from "../silences.js";
import * as words from "../words.js";
import { EMOTIONS, absence, between, emotionShares, isLate, pauses, shares, whyUnheard } from "./said.js";
import { put, sign, svg, titled } from "./svg.js";

const FACE = 18;
const MARK = 20;
const SCALE = [0.5, 1];
const LETTER = 7.2; // about as wide as one is, in px, for what fits into a stretch

export function drawEmotions(chart, top, height) {
  const { data } = chart;
  for (const slice of data.slices) {
    const { x, width } = chart.band(slice.at, slice.at + data.slice_s);
    let y = top + height;
    const found = Object.fromEntries(shares(slice));
    const names = [...EMOTIONS.filter((name) => name in found), ...Object.keys(found).filter((name) => !EMOTIONS.includes(name))];
    for (const name of names) {
      const part = found[name] * height;
      y -= part;
      const known = EMOTIONS.includes(name) ? name : "other";
      const box = { x: x + 0.5, y, width: Math.max(1, width - 1), height: part, class: `emotion-${known}` };
      titled(put(chart.root, "rect", box), emotionShares(slice).join(", "));
    }
    if (isLate(data, slice.at, slice.at + data.slice_s) && names.length) {
      put(chart.root, "rect", { x, y: top - 3, width, height: 3, class: "late" });
    }
  }
}

// The emotion heard most, as a face, so that colours never stand alone: one for every so many slices.
export function drawFaces(chart, top) {
  const { data } = chart;
  const each = Math.max(1, Math.ceil((FACE + 6) / chart.band(data.from, data.from + data.slice_s).width));
  for (let first = 0; first < data.slices.length; first += each) {
    const group = data.slices.slice(first, first + each).filter((slice) => isHeard(data, slice)); // no face where nothing was heard
    const sums = {};
    for (const slice of group) {
      for (const [name, count] of Object.entries(slice.emotions)) sums[name] = (sums[name] || 0) + count;
    }
    const most = shares({ emotions: sums })[0];
    if (!most) continue;
    const { x, width } = chart.band(group[0].at, group.at(-1).at + data.slice_s);
    const face = words.emotion(most[0]);
    const node = sign(chart.root, face.icon, x + width / 2, top + 1, FACE, "face");
    titled(node, face.word);
  }
}

function isHeard(data, slice) {
  return Object.keys(slice.emotions).length > 0 && absence(data, slice.at, slice.at + data.slice_s).seconds < data.slice_s / 2;
}

export function drawSpeech(chart, top, height) {
  const { data } = chart;
  for (const slice of data.slices) {
    if (slice.speech_s < 1) continue;
    const { x, width } = chart.band(slice.at, slice.at + data.slice_s);
    const tall = Math.max(1.5, Math.min(1, slice.speech_s / data.slice_s) * height);
    const box = { x: x + 0.5, y: top + height - tall, width: Math.max(1, width - 1), height: tall, class: "spoken" };
    titled(put(chart.root, "rect", box), t("spoke", { span: span(slice.speech_s) }));
  }
}

export function drawDistress(chart, top, height) {
  const { data } = chart;
  for (const level of SCALE) put(chart.root, "line", chart.across(top + height * (1 - level), "grid"));
  for (const slice of data.slices) {
    if (slice.peak === null) continue;
    const { x, width } = chart.band(slice.at, slice.at + data.slice_s);
    const y = (share) => top + height * (1 - share);
    const wide = Math.max(1, width - 1);
    put(chart.root, "rect", { x: x + 0.5, y: y(slice.peak), width: wide, height: height * slice.peak, class: "peak" });
    put(chart.root, "rect", { x: x + 0.5, y: y(slice.distress), width: wide, height: height * slice.distress, class: "mean" });
  }
  for (const episode of data.episodes) drawEpisode(chart, episode, top, height);
  const x = chart.mirrored ? chart.width - 4 : 4;
  for (const level of SCALE) put(chart.root, "text", { x, y: top + height * (1 - level) + 11, class: "scale" }, number(level * 100));
}

// An episode of distress: from its onset to its end, as high as its peak.
function drawEpisode(chart, episode, top, height) {
  const { x, width } = chart.band(episode.onset_at, episode.end_at);
  const wide = Math.max(4, width);
  const y = top + height * (1 - episode.peak);
  const node = put(chart.root, "rect", { x, y, width: wide, height: top + height - y, class: "episode" });
  if (wide > 12) put(chart.root, "text", { x: x + wide / 2, y: y + 13, class: "episode-peak", "text-anchor": "middle" }, number(Math.round(episode.peak * 100)));
  const face = words.emotion(episode.emotion);
  const values = { emotion: face.word, span: span(episode.end_at - episode.onset_at), peak: number(Math.round(episode.peak * 100)) };
  titled(node, `${time(episode.onset_at)} ${t("episode_of", values)}`);
}

export function drawAlerts(chart, top) {
  const { data } = chart;
  for (const alert of data.alerts) {
    if (alert.device_id === null) continue;
    const end = alert.closed_at ?? (alert.state === "resolved" ? alert.ended_at : data.now);
    const { x, width } = chart.band(Math.max(alert.opened_at, data.from), end);
    const y = top + alert.row * 20;
    const kind = words.rankName(alert);
    const open = alert.state === "waiting" || alert.state === "accepted";
    const bar = { x, y: y + 8, width: Math.max(3, width), height: 5, class: `alert-bar ${kind}${open ? " open" : ""}` };
    titled(put(chart.root, "rect", bar), `${words.alertWord(alert)} · ${words.reason(alert, data.now)}`);
    if (rose(alert)) drawRise(chart, alert, y);
    if (alert.accepted_at !== null && alert.accepted_at >= data.from) {
      sign(chart.root, "person", chart.x(alert.accepted_at), y + 3, 15, "accepted-at");
    }
    if (alert.opened_at < data.from) continue;
    const at = Math.min(chart.width - 9, Math.max(9, chart.x(alert.opened_at)));
    const first = rose(alert) && isApart(chart, alert) ? "medium" : kind;
    const mark = svg("g", { class: `alert-mark ${first}` });
    put(mark, "circle", { cx: at, cy: y + 10, r: 9.5 });
    sign(mark, first, at, y + 3, 14);
    chart.root.append(titled(mark, `${time(alert.raised_at)} ${words.alertWord(alert)} · ${words.reason(alert, data.now)}`));
  }
}

function rose(alert) {
  return alert.high_at !== null && alert.high_at > alert.raised_at && alert.priority === "high";
}

// Whether both signs have room: where they have not, the one of the higher priority stands for both.
function isApart(chart, alert) {
  return Math.abs(chart.x(alert.high_at) - chart.x(alert.opened_at)) >= MARK;
}

// Until it became high it was medium.
function drawRise(chart, alert, y) {
  const { x, width } = chart.band(Math.max(alert.opened_at, chart.data.from), alert.high_at);
  put(chart.root, "rect", { x, y: y + 8, width, height: 5, class: "alert-bar medium" });
  if (alert.high_at < chart.data.from || !isApart(chart, alert)) return;
  const at = Math.min(chart.width - 9, Math.max(9, chart.x(alert.high_at)));
  const mark = svg("g", { class: "alert-mark high" });
  put(mark, "circle", { cx: at, cy: y + 10, r: 9.5 });
  sign(mark, "high", at, y + 3, 14);
  chart.root.append(titled(mark, `${time(alert.high_at)} ${t("told_high", { word: words.alertWord(alert) })}`));
}

export function drawMutes(chart, top, height) {
  const { data } = chart;
  const stretches = [
    ...data.mutes.map((one) => [one.start_at, one.end_at, t("muted_for", { name: words.person(one.person), reason: silences.reason(one.reason) }), "mute"]),
    ...pauses(data).map((one) => [one.at, one.at + 120, t("told_pause", { name: words.person(one.person) }), "pause"]),
  ];
  for (const [start, end, text, kind] of stretches) {
    const { x, width } = chart.band(start, end);
    titled(put(chart.root, "rect", { x, y: top + 2, width: Math.max(3, width), height: height - 4, class: kind }), `${between(start, end)} ${text}`);
    name(chart, text, x, width, top + height / 2 + 4.5, "mute-name");
  }
}

export function drawUnheard(chart, top, height) {
  for (const one of chart.data.unheard) {
    const { x, width } = chart.band(one.start, one.end);
    const why = whyUnheard(one.why);
    const box = put(chart.root, "rect", { x, y: top, width: Math.max(2, width), height, class: "unheard" });
    titled(box, `${between(one.start, one.end)} ${t("unheard", { why })}`);
    const middle = top + height / 2;
    if (name(chart, t("unheard", { why }), x, width, middle, "unheard-name")) continue;
    if (!name(chart, t("not_heard"), x, width, middle, "unheard-name") && width > 16) {
      sign(chart.root, "mic-off", x + width / 2, middle - 10, 16, "unheard-sign");
    }
  }
}

// The text in the middle of a stretch where there is room for it; whether there was.
function name(chart, text, x, width, y, className) {
  const needs = text.length * LETTER + 12;
  if (needs > width) return false;
  if (className === "unheard-name") {
    put(chart.root, "rect", { x: x + width / 2 - needs / 2, y: y - 15, width: needs, height: 22, rx: 6, class: "name-ground" });
  }
  put(chart.root, "text", { x: x + width / 2, y, class: className, "text-anchor": "middle" }, text);
  return true;
}
