// The picture of a bed's hours: an axis, then lanes for alerts, emotion, speech, distress and mutes, one below
// the other. What was not heard lies hatched over all lanes, so that it can never be taken for calm.

import { day, t, time } from "../i18n.js";
import { isMidnight, wholeSteps } from "./days.js";
import { drawAlerts, drawDistress, drawEmotions, drawFaces, drawMutes, drawSpeech, drawUnheard } from "./lanes.js";
import { pauses } from "./said.js";
import { put, svg } from "./svg.js";

const LABEL_H = 17; // a lane's name stands above it
const GAP = 7;
const AXIS_H = 24;
const TICKS_S = [300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600];
const TICK_PX = 62;
const EDGE = 2;

export class Chart {
  constructor(node, onPoint) {
    this.node = node;
    this.onPoint = onPoint;
    this.data = null;
    this.cursor = null;
    for (const name of ["pointerdown", "pointermove"]) node.addEventListener(name, (event) => this.pick(event));
  }

  // x of a moment; time runs with the script, from right to left in Arabic.
  x(seconds) {
    const { from, to } = this.data;
    const share = (Math.min(to, Math.max(from, seconds)) - from) / (to - from);
    const along = EDGE + share * (this.width - 2 * EDGE);
    return this.mirrored ? this.width - along : along;
  }

  // Left edge and width of a stretch of time.
  band(start, end) {
    const [a, b] = [this.x(start), this.x(end)];
    return { x: Math.min(a, b), width: Math.abs(a - b) };
  }

  draw(data) {
    this.data = data;
    this.width = Math.max(280, this.node.clientWidth);
    this.mirrored = document.documentElement.dir === "rtl";
    this.root = svg("svg", { role: "img", "aria-label": t("timeline_label"), class: "lanes" });
    this.root.append(hatching());
    let top = AXIS_H;
    const lanes = [
      ["alerts", alertRows(data) * 20 + 6, drawAlerts],
      ["emotion", 66, drawEmotions],
      [null, 22, drawFaces],
      ["speech", 34, drawSpeech],
      ["distress_level", 84, drawDistress],
      ...(data.mutes.length || pauses(data).length ? [["mutes", 22, drawMutes]] : []),
    ];
    const places = lanes.map(([name, height, draw]) => {
      const place = { name, top: top + (name ? LABEL_H : 0), height, draw };
      top = place.top + height + (name === "emotion" ? 2 : GAP);
      return place;
    });
    this.height = top;
    this.ticks();
    const voice = places.filter((one) => ["emotion", null, "speech", "distress_level"].includes(one.name));
    const last = voice.at(-1);
    drawUnheard(this, voice[0].top, last.top + last.height - voice[0].top);
    for (const place of places) {
      if (place.name) put(this.root, "text", { x: this.edge(), y: place.top - 5, class: "lane-name" }, t(place.name));
      if (place.name !== "alerts" && place.name) put(this.root, "line", this.across(place.top + place.height, "base"));
      place.draw(this, place.top, place.height);
    }
    this.future();
    this.cursor = put(this.root, "rect", { class: "cursor", y: AXIS_H - 4, height: this.height - AXIS_H });
    this.root.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.node.replaceChildren(this.root);
    if (this.pointed !== undefined) this.point(this.pointed);
  }

  edge() {
    return this.mirrored ? this.width - EDGE : EDGE;
  }

  across(y, name) {
    return { x1: EDGE, x2: this.width - EDGE, y1: y, y2: y, class: name };
  }

  ticks() {
    const { from, to } = this.data;
    const room = this.width / TICK_PX;
    const step = TICKS_S.find((one) => (to - from) / one <= room) || TICKS_S.at(-1);
    for (const at of wholeSteps(from, to, step)) {
      const x = this.x(at);
      const midnight = isMidnight(at);
      put(this.root, "line", { x1: x, x2: x, y1: AXIS_H - 6, y2: this.height, class: midnight ? "midnight" : "tick" });
      const text = midnight ? day(at) : time(at);
      const half = text.length * 3.6;
      if (x > half && x < this.width - half) put(this.root, "text", { x, y: 13, class: "tick-name", "text-anchor": "middle" }, text);
    }
  }

  // The part of the last hour that has not come yet.
  future() {
    const { now, to } = this.data;
    if (now >= to) return;
    put(this.root, "rect", { ...this.band(now, to), y: AXIS_H - 4, height: this.height - AXIS_H, class: "future" });
  }

  point(index) {
    this.pointed = index;
    const slice = this.data?.slices[index];
    if (!slice || !this.cursor) return;
    const { x, width } = this.band(slice.at, slice.at + this.data.slice_s);
    this.cursor.setAttribute("x", x);
    this.cursor.setAttribute("width", Math.max(3, width));
  }

  pick(event) {
    if (!this.data || (event.type === "pointermove" && event.pointerType === "touch")) return;
    const box = this.node.getBoundingClientRect();
    const along = ((event.clientX - box.left) / box.width) * this.width;
    const share = (this.mirrored ? this.width - along : along) / this.width;
    const at = this.data.from + share * (this.data.to - this.data.from);
    const index = this.data.slices.findLastIndex((slice) => slice.at <= at);
    if (index >= 0 && this.data.slices[index].at < this.data.now) this.onPoint(index);
  }
}

// Alerts that are told while another still is get a row of their own, four at most.
function alertRows(data) {
  const ends = [];
  const own = data.alerts.filter((one) => one.device_id !== null);
  for (const alert of [...own].sort((a, b) => a.opened_at - b.opened_at)) {
    const end = (alert.closed_at ?? (alert.state === "resolved" ? alert.ended_at : data.now)) + (data.to - data.from) / 40;
    const free = ends.findIndex((one) => one <= alert.opened_at);
    alert.row = free >= 0 ? free : Math.min(3, ends.length);
    ends[alert.row] = Math.max(end, ends[alert.row] ?? 0);
  }
  return Math.max(1, ends.length);
}

function hatching() {
  const pattern = svg("pattern", { id: "hatch", width: 9, height: 9, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(svg("rect", { width: 9, height: 9, class: "hatch-ground" }), svg("rect", { width: 4, height: 9, class: "hatch-line" }));
  const defs = svg("defs");
  defs.append(pattern);
  return defs;
}
