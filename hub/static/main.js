// The board: keeps what the stream says, and brings the page up to date with it.

import { post } from "./actions.js";
import { byId, el, icon, loadIcons, setText } from "./dom.js";
import { Feed } from "./feed.js";
import { People } from "./people.js";
import { Sound } from "./sound.js";
import { Tile, byUrgency, rankName } from "./tiles.js";
import * as words from "./words.js";

loadIcons().catch(() => {}); // not awaited: the board matters more than its pictures

const SECOND_MS = 1000;
const RECENT = 12;
const staleS = Number(document.body.dataset.staleS);
const silentS = Number(document.body.dataset.silentS);

const beds = new Map();
const alerts = new Map();
const tiles = new Map();
const announced = new Map();
const people = new People();
const sound = new Sound();
let recentKey = "";
let live = { live: true, ready: false };

const act = {
  async accept(id) {
    const person = await people.name();
    if (person) await post(`/api/alerts/${id}/accept`, { person });
  },
  async close(id, outcome) {
    const person = await people.name();
    if (person) await post(`/api/alerts/${id}/close`, { person, outcome });
  },
};

const feed = new Feed({
  silentS,
  onBoard(data) {
    if (data.full) {
      beds.clear();
      alerts.clear();
    }
    for (const bed of data.beds) beds.set(bed.id, bed);
    for (const alert of data.alerts) alerts.set(alert.id, alert);
    draw();
  },
  onLive(state) {
    live = state;
    drawLiveness();
  },
});

function open() {
  return [...alerts.values()].filter((alert) => alert.state === "waiting" || alert.state === "accepted");
}

function draw() {
  const now = feed.now();
  const waiting = open();
  const groups = new Map([...beds.keys()].map((id) => [id, []]));
  for (const alert of waiting) {
    const key = alert.device_id ?? "hub";
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(alert);
  }
  for (const [key, own] of groups) {
    if (!tiles.has(key)) tiles.set(key, new Tile(key, act));
    tiles.get(key).update(beds.get(key) || null, own, now, staleS);
  }
  for (const [key, tile] of tiles) {
    if (!groups.has(key)) {
      tile.node.remove();
      tiles.delete(key);
    }
  }
  arrange(groups);
  drawSummary(waiting);
  drawRecent();
  announce(waiting);
  drawSound(waiting);
}

function arrange(groups) {
  const alarmed = [...groups].filter(([, own]) => own.length > 0);
  alarmed.sort(([, a], [, b]) => byUrgency([...a].sort(byUrgency)[0], [...b].sort(byUrgency)[0]));
  const calm = [...groups].filter(([, own]) => own.length === 0).map(([key]) => key);
  calm.sort((a, b) => bedName(a).localeCompare(bedName(b), undefined, { numeric: true }));
  place(byId("beds"), [...alarmed.map(([key]) => key), ...calm]);
  byId("empty").hidden = !live.ready || tiles.size > 0;
}

function bedName(key) {
  const bed = beds.get(key);
  return bed ? `${bed.ward} ${bed.bed}` : "";
}

// Moves only the tiles whose place has changed, and gives focus back to the one that held it.
function place(section, keys) {
  const held = document.activeElement;
  keys.forEach((key, index) => {
    const node = tiles.get(key).node;
    if (section.children[index] !== node) section.insertBefore(node, section.children[index] || null);
  });
  if (held && held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
}

function drawSummary(waiting) {
  const count = (name) => waiting.filter((alert) => rankName(alert) === name && alert.state === "waiting").length;
  const parts = [
    [count("high"), "high"],
    [count("medium"), "medium"],
    [count("missed"), "missed"],
    [count("technical"), "technical"],
  ].filter(([number]) => number > 0);
  const attended = waiting.filter((alert) => alert.state === "accepted").length;
  const summary = byId("summary");
  const chips = parts.map(([number, name]) => el("span", { class: "count", "data-priority": name }, icon(name), `${number} ${name}`));
  if (attended) chips.push(el("span", { class: "count", "data-priority": "attended" }, icon("person"), `${attended} accepted`));
  if (!chips.length) chips.push(el("span", { class: "count", "data-priority": "none" }, icon("check"), beds.size ? `No alerts · ${words.plural(beds.size, "bed", "beds")}` : "No beds yet"));
  if (summary.textContent !== chips.map((chip) => chip.textContent).join("")) summary.replaceChildren(...chips);
}

function drawRecent() {
  const over = [...alerts.values()].filter((alert) => alert.state === "closed" || alert.state === "resolved");
  const endOf = (alert) => alert.closed_at ?? alert.ended_at ?? alert.opened_at;
  over.sort((a, b) => endOf(b) - endOf(a));
  const key = over.map((alert) => `${alert.id}:${alert.state}`).join();
  if (key === recentKey) return;
  recentKey = key;
  byId("recent").hidden = over.length === 0;
  byId("recent-list").replaceChildren(
    ...over.slice(0, RECENT).map((alert) =>
      el(
        "li",
        { "data-priority": rankName(alert) },
        icon(words.alertIcon(alert)),
        el("time", {}, words.time(endOf(alert))),
        el("strong", {}, alert.bed),
        el("span", { class: "what" }, words.reason(alert)),
        el("span", { class: "outcome-word" }, words.outcome(alert)),
        el("span", { class: "by" }, alert.closed_by || ""),
      ),
    ),
  );
}

// Says each new alert, and each rise to high, once to a screen reader.
function announce(waiting) {
  const news = [];
  for (const alert of waiting) {
    if (alert.state === "waiting" && announced.get(alert.id) !== alert.priority) {
      news.push(`${alert.bed}: ${words.alertWord(alert)}. ${words.reason(alert)}.`);
    }
    announced.set(alert.id, alert.priority);
  }
  if (news.length) setText(byId("announce"), news.join(" "));
}

function drawSound(waiting) {
  const loud = waiting.filter((alert) => alert.state === "waiting" && !alert.missed).sort(byUrgency)[0];
  const dead = live.ready && !live.live;
  sound.want(dead ? "dead" : loud ? loud.priority : null);
}

function drawLiveness() {
  const now = feed.now();
  const cover = byId("not-live");
  const dead = !live.live;
  byId("app").inert = dead;
  cover.hidden = !dead;
  byId("pulse").dataset.live = live.ready && !dead ? "yes" : "no";
  setText(byId("pulse-word"), dead ? "Not live" : live.ready ? "Live" : "Connecting");
  setText(byId("clock"), words.time(now));
  if (dead) {
    const since = `for ${words.span(live.silence)}, since ${words.time(live.heardAt)}`;
    const parts = { ingest: "the part that hears the devices", engine: "the part that raises alerts" };
    const gone = live.parts.map((name) => parts[name] || name).join(" and ");
    setText(byId("not-live-why"), gone && live.silence < silentS ? `In the hub, ${gone} has stopped.` : `Nothing heard from the hub ${since}.`);
    if (byId("people").open) byId("people").close();
  }
  drawSound(open());
}

setInterval(draw, SECOND_MS);
