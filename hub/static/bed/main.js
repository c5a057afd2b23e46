// One bed's page: which hours it shows, where they come from, and whether it is live.

import { byId, el, icon, loadIcons, setData, setText } from "../dom.js";
import { Feed } from "../feed.js";
import { hearing } from "../hearing.js";
import { addTexts, ago, day, number, t, time, useLanguage } from "../i18n.js";
import { showLiveness } from "../liveness.js";
import { Settings } from "../settings.js";
import { isolated } from "../words.js";
import { Chart } from "./chart.js";
import { daysLater, isoDay, startOf } from "./days.js";
import { drawHealth } from "./health.js";
import { Hours } from "./hours.js";
import { TEXTS } from "./lang.js";
import { Readout } from "./readout.js";
import { drawSums } from "./sums.js";
import { drawTable } from "./table.js";
import { drawTold } from "./told.js";

const HOUR_S = 3600;
const DAY = 24;
const HOURS = [DAY, 6, 1];
const SECOND_MS = 1000;

addTexts(TEXTS);
loadIcons().catch(() => {});
useLanguage();

const bedId = Number(document.body.dataset.bed); // the device's number
const { place } = document.body.dataset; // the bed, where that device stands or stood
const staleS = Number(document.body.dataset.staleS);
const silentS = Number(document.body.dataset.silentS);

const view = { hours: DAY, end: null }; // end null: up to now, and on
let data = null; // of the hours that are shown; null until the hub has told of them
let firstAt = null; // from when on the hub knows anything
let bed = null;
let told = ""; // what was last told of alerts and what people did
let live = { live: true, ready: false };

const chart = new Chart(byId("chart"), (index) => readout.show(index));
const readout = new Readout((index) => chart.point(index));
const settings = new Settings(() => draw());
const hours = new Hours(path, show, fail);
const alerts = new Map();

const feed = new Feed({
  silentS,
  onBoard(board) {
    if (board.full) alerts.clear();
    const mine = board.beds.find((one) => one.id === bedId);
    if (mine) bed = mine;
    for (const one of board.alerts) if (one.device_id === bedId) alerts.set(one.id, one);
    const now = JSON.stringify([[...alerts.values()].map(gist), bed && [bed.bed, bed.status, bed.microphone, bed.muted_until]]);
    if (told && told !== now) hours.changed();
    told = now;
    drawNow();
  },
  onLive(state) {
    live = state;
    drawLiveness();
  },
});

// What of an alert the page tells as having happened; its reason counts on all the time.
function gist(alert) {
  return [alert.id, alert.state, alert.priority, alert.condition, alert.calls, alert.paused_until, alert.outside.map((one) => one.state)];
}

// A day is as long as that day is; up to now, it is 24 hours.
function range() {
  const end = view.end ?? feed.now();
  const isDay = view.end !== null && view.hours === DAY;
  return { from: isDay ? daysLater(end, -1) : end - view.hours * HOUR_S, to: end };
}

function path() {
  const { from, to } = range();
  const query = new URLSearchParams({ bed: place, from });
  if (view.end !== null) query.set("to", to);
  return `/api/beds/${bedId}/timeline?${query}`;
}

function show(found) {
  data = found;
  firstAt = found.first_at;
  byId("trouble").hidden = true;
  draw();
}

function fail() {
  setText(byId("trouble"), t(data ? "cannot_refresh" : "cannot_load"));
  byId("trouble").hidden = false;
  draw();
}

function go(length, end) {
  view.hours = length;
  view.end = end !== null && end >= feed.now() ? null : end;
  const parts = [`hours=${length}`, ...(view.end === null ? [] : [`to=${Math.round(view.end)}`])];
  history.replaceState(null, "", `#${parts.join("&")}`);
  load();
}

// Other hours are asked for: until they are there, none are shown.
function load() {
  data = null;
  byId("trouble").hidden = true;
  draw();
  hours.load();
}

function fromAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const length = Number(said.get("hours"));
  const end = Number(said.get("to"));
  view.hours = HOURS.includes(length) ? length : DAY;
  view.end = Number.isFinite(end) && end > 0 && end < feed.now() ? end : null;
}

function draw() {
  drawRange();
  drawNow();
  drawLiveness();
  setData(byId("hours"), "known", data ? "yes" : byId("trouble").hidden ? "no" : "failed");
  if (!data) return;
  chart.draw(data);
  readout.draw(data);
  drawSums(data);
  drawTable(data);
  drawTold(data);
  drawHealth(data, staleS);
}

function drawRange() {
  const { from, to } = range();
  byId("span").setAttribute("aria-live", view.end === null ? "off" : "polite"); // or it is said each minute
  setText(byId("span"), t("from_to", { from: `${day(from)}, ${time(from)}`, to: `${day(to)}, ${time(to)}` }));
  for (const button of document.querySelectorAll("[data-hours]")) {
    setText(button, t("hours", { n: number(Number(button.dataset.hours)) }));
    button.setAttribute("aria-pressed", String(Number(button.dataset.hours) === view.hours));
  }
  byId("earlier").disabled = firstAt === null || firstAt >= from;
  byId("later").disabled = byId("latest").disabled = view.end === null;
  byId("day").max = isoDay(feed.now());
  if (firstAt !== null) byId("day").min = isoDay(firstAt);
  if (document.activeElement !== byId("day")) byId("day").value = isoDay(to - 1);
}

// What the board's tile says, in one line. What a screen reader says of it does not count on.
function drawNow() {
  const one = bed || data?.bed;
  if (!one) return;
  const now = feed.now();
  const { deaf, why, age, speaking, heard } = hearing(one, now, staleS);
  let sign = "quiet";
  let text = heard && age < Infinity ? t("last_voice", { emotion: heard.word, ago: ago(age) }) : t("no_voice");
  let said = t("mic_healthy");
  if (one.bed !== place) {
    sign = "link-off";
    text = said = t("stands_at", { bed: isolated(one.bed) });
  } else if (deaf) {
    sign = why.icon;
    text = said = `${t("not_hearing")}: ${why.word}`;
  } else if (speaking) {
    sign = heard.icon;
    text = `${heard.word} · ${t("distress_level")} ${number(Math.round(one.distress * 100))}`;
  } else {
    text = `${t("quiet")} · ${text}`;
  }
  const node = byId("now");
  if (node.textContent !== text) node.replaceChildren(icon(sign), el("span", {}, text));
  node.dataset.tone = deaf || one.bed !== place ? "deaf" : "ok";
  setText(byId("now-said"), said);
}

function drawLiveness() {
  showLiveness(live, feed.now(), silentS);
}

for (const button of document.querySelectorAll("[data-hours]")) {
  button.addEventListener("click", () => go(Number(button.dataset.hours), view.end));
}
byId("earlier").addEventListener("click", () => go(view.hours, range().from));
byId("later").addEventListener("click", () => {
  const { to } = range();
  go(view.hours, view.hours === DAY ? daysLater(to, 1) : to + view.hours * HOUR_S);
});
byId("latest").addEventListener("click", () => go(view.hours, null));
byId("print").addEventListener("click", () => window.print());
byId("day").addEventListener("change", () => {
  const start = startOf(byId("day").value);
  if (!Number.isNaN(start)) go(DAY, daysLater(start, 1));
});
window.addEventListener("hashchange", () => {
  fromAddress();
  load();
});
let width = 0;
new ResizeObserver(() => {
  if (byId("chart").clientWidth === width) return;
  width = byId("chart").clientWidth;
  if (data) chart.draw(data);
}).observe(byId("chart"));

fromAddress();
load();
setInterval(() => {
  settings.showLight();
  drawNow();
  hours.tick(view.end === null);
}, SECOND_MS);
