// One bed's page: which hours it shows, where they come from, and whether it is live.

import { byId, el, icon, loadIcons, setText } from "../dom.js";
import { Feed } from "../feed.js";
import { addTexts, ago, day, number, t, time, useLanguage } from "../i18n.js";
import { showLiveness } from "../liveness.js";
import { Settings } from "../settings.js";
import * as words from "../words.js";
import { Chart } from "./chart.js";
import { drawHealth } from "./health.js";
import { TEXTS } from "./lang.js";
import { Readout } from "./readout.js";
import { drawSums } from "./sums.js";
import { drawTable } from "./table.js";
import { drawTold } from "./told.js";

const HOUR_S = 3600;
const HOURS = [24, 6, 1];
const FRESH_MS = 20000; // a minute's summary comes once a minute
const SOON_MS = 1500; // after the stream said that something of this bed has changed; changes come in bursts
const SECOND_MS = 1000;
const QUIET_S = 12; // as on the board's tiles

addTexts(TEXTS);
loadIcons().catch(() => {});
useLanguage();

const bedId = Number(document.body.dataset.bed);
const staleS = Number(document.body.dataset.staleS);
const silentS = Number(document.body.dataset.silentS);

const view = { hours: 24, end: null }; // end null: up to now, and on
let data = null;
let bed = null;
let live = { live: true, ready: false };
let asked = 0;
let askedAt = 0;
let due = 0;

const chart = new Chart(byId("chart"), (index) => readout.show(index));
const readout = new Readout((index) => chart.point(index));
const settings = new Settings(() => draw());

const feed = new Feed({
  silentS,
  onBoard(board) {
    const mine = board.beds.find((one) => one.id === bedId);
    if (mine) bed = mine;
    if (mine || board.alerts.some((one) => one.device_id === bedId)) due = due || Date.now() + SOON_MS;
    drawNow();
  },
  onLive(state) {
    live = state;
    drawLiveness();
  },
});

function range() {
  const end = view.end ?? feed.now();
  return { from: end - view.hours * HOUR_S, to: end };
}

async function load() {
  const mine = (asked += 1);
  askedAt = Date.now();
  due = 0;
  const { from, to } = range();
  const query = view.end === null ? `from=${from}` : `from=${from}&to=${to}`;
  try {
    const response = await fetch(`/api/beds/${bedId}/timeline?${query}`, { signal: AbortSignal.timeout(10000) });
    if (response.status === 401) location.assign("/login");
    if (!response.ok) throw new Error(String(response.status));
    const found = await response.json();
    if (mine !== asked) return; // somebody has asked for other hours meanwhile
    data = found;
    byId("trouble").hidden = true;
    draw();
  } catch {
    if (mine !== asked) return;
    setText(byId("trouble"), t("cannot_load"));
    byId("trouble").hidden = false;
  }
}

function go(hours, end) {
  view.hours = hours;
  view.end = end !== null && end >= feed.now() ? null : end;
  const parts = [`hours=${hours}`, ...(view.end === null ? [] : [`to=${Math.round(view.end)}`])];
  history.replaceState(null, "", `#${parts.join("&")}`);
  drawRange();
  load();
}

function fromAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  const hours = Number(said.get("hours"));
  const end = Number(said.get("to"));
  view.hours = HOURS.includes(hours) ? hours : 24;
  view.end = Number.isFinite(end) && end > 0 && end < feed.now() ? end : null;
}

function draw() {
  drawRange();
  drawNow();
  drawLiveness();
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
  setText(byId("span"), t("from_to", { from: `${day(from)}, ${time(from)}`, to: `${day(to)}, ${time(to)}` }));
  for (const button of document.querySelectorAll("[data-hours]")) {
    setText(button, t("hours", { n: number(Number(button.dataset.hours)) }));
    button.setAttribute("aria-pressed", String(Number(button.dataset.hours) === view.hours));
  }
  const first = data?.first_at ?? null;
  byId("earlier").disabled = first === null || first >= from;
  byId("later").disabled = byId("latest").disabled = view.end === null;
  byId("day").max = isoDay(feed.now());
  if (first !== null) byId("day").min = isoDay(first);
  if (document.activeElement !== byId("day")) byId("day").value = isoDay(to - 1);
}

function isoDay(seconds) {
  const date = new Date(seconds * 1000);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

// What the board's tile says, in one line.
function drawNow() {
  const one = bed || data?.bed;
  if (!one) return;
  const now = feed.now();
  const link = words.link(one, now, staleS);
  const mic = words.microphone(one.microphone);
  const age = one.emotion_at === null ? Infinity : Math.max(0, now - one.emotion_at);
  const heard = one.emotion ? words.emotion(one.emotion) : null;
  let sign = "quiet";
  let text = heard && age < Infinity ? t("last_voice", { emotion: heard.word, ago: ago(age) }) : t("no_voice");
  let tone = "ok";
  if (link.tone === "bad" || mic.tone !== "ok") {
    sign = link.tone === "bad" ? "link-off" : "mic-off";
    text = `${t("not_hearing")}: ${link.tone === "bad" ? link.word : mic.word}`;
    tone = "deaf";
  } else if (age < QUIET_S) {
    sign = heard.icon;
    text = `${heard.word} · ${t("distress_level")} ${number(Math.round(one.distress * 100))}`;
  } else {
    text = `${t("quiet")} · ${text}`;
  }
  const node = byId("now");
  if (node.textContent !== text) node.replaceChildren(icon(sign), el("span", {}, text));
  node.dataset.tone = tone;
}

function drawLiveness() {
  showLiveness(live, feed.now(), silentS);
}

for (const button of document.querySelectorAll("[data-hours]")) {
  button.addEventListener("click", () => go(Number(button.dataset.hours), view.end));
}
byId("earlier").addEventListener("click", () => go(view.hours, range().from));
byId("later").addEventListener("click", () => go(view.hours, range().to + view.hours * HOUR_S));
byId("latest").addEventListener("click", () => go(view.hours, null));
byId("print").addEventListener("click", () => window.print());
byId("day").addEventListener("change", () => {
  const start = new Date(`${byId("day").value}T00:00`);
  if (!Number.isNaN(start.getTime())) go(24, start.getTime() / 1000 + 24 * HOUR_S);
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
  if (view.end !== null) return;
  if ((due && Date.now() >= due && Date.now() - askedAt > SOON_MS) || Date.now() - askedAt > FRESH_MS) load();
}, SECOND_MS);
