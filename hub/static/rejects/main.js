// Messages that broke the wire contract, by device and reason. What devices, or others, wrote goes in through
// textContent only, the hub has made it printable before.

import { byId, el, icon, loadIcons, setText } from "../dom.js";
import { addTexts, day, number, t, time, useLanguage } from "../i18n.js";
import { Settings } from "../settings.js";
import { TEXTS } from "./lang.js";

const FRESH_MS = 30000;
const SECOND_MS = 1000;

addTexts(TEXTS);
loadIcons().catch(() => {});
useLanguage();

let data = null;
let drawn = "";
const settings = new Settings(() => {
  drawn = "";
  draw();
});

async function load() {
  try {
    const response = await fetch("/api/rejects", { signal: AbortSignal.timeout(10000) });
    if (response.status === 401) location.assign("/login");
    if (!response.ok) throw new Error(String(response.status));
    data = await response.json();
    byId("trouble").hidden = true;
    draw();
  } catch {
    setText(byId("trouble"), t("rejects_trouble"));
    byId("trouble").hidden = false;
  }
}

// Only what is new is drawn anew: whoever reads one keeps it open.
function draw() {
  document.title = `${t("rejects")} · Bedside`;
  if (!data) return;
  setText(byId("counts"), t("rejects_counts", { day: number(data.day), kept: number(data.kept), ever: number(data.ever) }));
  const key = JSON.stringify(data.groups);
  if (key === drawn) return;
  drawn = key;
  const open = new Set([...document.querySelectorAll("#groups details[open]")].map((one) => one.dataset.key));
  byId("groups").replaceChildren(...data.groups.map((one) => group(one, open)));
}

function group(one, open) {
  const key = `${one.device} ${one.kind} ${one.reason.replace(/\d+/g, "0")}`;
  const head = el(
    "summary",
    {},
    icon("technical"),
    el("strong", { dir: "auto" }, one.device),
    el("span", { class: "kind" }, one.kind),
    el("span", { class: "times" }, t("rejects_times", { n: number(one.count) })),
    el("span", { class: "last" }, t("rejects_last", { time: moment(one.last_at) })),
    el("span", { class: "why", dir: "ltr" }, one.reason),
  );
  const more = one.count > one.messages.length ? [el("p", {}, t("rejects_newest", { n: number(one.messages.length) }))] : [];
  const node = el("details", { class: "group" }, head, ...more, el("ol", {}, ...one.messages.map(message)));
  node.dataset.key = key;
  node.open = open.has(key);
  return node;
}

function message(one) {
  const what = one.text === null ? t("rejects_hex", { n: number(one.size) }) : t("rejects_text", { n: number(one.size) });
  return el(
    "li",
    {},
    el("p", {}, el("time", {}, moment(one.at)), " ", el("code", { dir: "ltr" }, one.topic)),
    el("p", { class: "why", dir: "ltr" }, one.reason),
    el("p", { class: "size" }, what),
    el("pre", { dir: "ltr", tabindex: "0" }, one.text ?? one.hex),
  );
}

function moment(seconds) {
  return `${day(seconds)}, ${time(seconds)}`;
}

byId("again").addEventListener("click", load);
load();
setInterval(load, FRESH_MS);
setInterval(() => settings.showLight(), SECOND_MS);
