// The board: keeps what the stream says, and brings the page up to date with it.

import { toast } from "./actions.js";
import { announce } from "./announcer.js";
import { Answers } from "./answers.js";
import { byId, loadIcons } from "./dom.js";
import { every } from "./every.js";
import { Feed } from "./feed.js";
import { t, useLanguage } from "./i18n.js";
import { fit } from "./layout.js";
import { showLiveness } from "./liveness.js";
import { People } from "./people.js";
import { byTile, tileOf } from "./places.js";
import { Presence } from "./presence.js";
import { Settings } from "./settings.js";
import { Silences, isMuted, isPaused } from "./silences.js";
import { Sound } from "./sound.js";
import { drawRecent, drawSummary, forgetOld } from "./summary.js";
import { Tile } from "./tiles.js";
import * as words from "./words.js";

loadIcons().catch(() => {}); // not awaited: the board matters more than its pictures
useLanguage();

const SECOND_MS = 1000;
const staleS = Number(document.body.dataset.staleS);
const silentS = Number(document.body.dataset.silentS);

const beds = new Map();
const alerts = new Map();
const tiles = new Map();
let announced = new Map(); // the priority at which each waiting alert was said
const people = new People();
const sound = new Sound();
const presence = new Presence();
const silences = new Silences();
let live = { live: true, ready: false };

const settings = new Settings(() => {
  people.show();
  sound.show();
  draw();
  drawLiveness();
});

// Whether it was recorded.
function answer(what, verb, more = {}) {
  return people.act(`/api/${what}/${verb}`, more, verb === "accept");
}

// What is silent now is told on the tile: its dialog has done its work.
async function silence(what, verb, more) {
  if (await answer(what, verb, more)) answers.close();
}

const act = {
  accept: (id) => answer(`alerts/${id}`, "accept"),
  pause: (id) => silence(`alerts/${id}`, "pause"),
  close: (id, outcome) => answer(`alerts/${id}`, "close", { outcome }),
  mute: (id, minutes, reason) => silence(`beds/${id}`, "mute", { minutes, reason }),
  unmute: (id) => silence(`beds/${id}`, "unmute"),
  open(key, opener, whole) {
    answers.open(key, opener, whole);
    draw();
  },
};
const answers = new Answers(act, staleS);

byId("recent-button").addEventListener("click", () => byId("recent").showModal());
byId("recent-done").addEventListener("click", () => byId("recent").close());
new ResizeObserver(() => draw()).observe(byId("room"));

const feed = new Feed({
  silentS,
  onBoard(data) {
    if (data.full) {
      beds.clear();
      alerts.clear();
    }
    for (const bed of data.beds) beds.set(bed.id, bed);
    for (const alert of data.alerts) alerts.set(alert.id, alert);
    forgetOld(alerts);
    draw();
  },
  onLive(state) {
    const first = state.ready && !live.ready;
    live = state;
    if (first) draw(); // what is silent now is known from here on: whatever begins next is news
    drawLiveness();
  },
});

function open() {
  return [...alerts.values()].filter(words.isOpen);
}

function draw() {
  const now = feed.now();
  const shown = open();
  const groups = byTile(shown, beds);
  const manyWards = new Set([...beds.values()].map((bed) => bed.ward)).size > 1;
  for (const [key, own] of groups) {
    if (!tiles.has(key)) tiles.set(key, new Tile(key, act));
    tiles.get(key).update(beds.get(key) || null, own, now, staleS, manyWards);
  }
  for (const [key, tile] of tiles) {
    if (!groups.has(key)) {
      tile.node.remove();
      tiles.delete(key);
    }
  }
  arrange(groups);
  drawSummary(shown, beds.size);
  drawRecent([...alerts.values()]);
  answers.update(beds, groups, now);
  tell(shown, now);
  if (live.ready) tellSilences(now);
  drawSound(now);
  presence.update(live.ready && live.live, sound.on, shown);
}

function arrange(groups) {
  const first = (own) => [...own].sort(words.byUrgency)[0];
  const alarmed = [...groups].filter(([, own]) => own.length > 0);
  alarmed.sort(([, a], [, b]) => words.byUrgency(first(a), first(b)));
  const calm = [...groups].filter(([, own]) => own.length === 0).map(([key]) => key);
  calm.sort((a, b) => bedName(a).localeCompare(bedName(b), undefined, { numeric: true }));
  place(byId("beds"), [...alarmed.map(([key]) => key), ...calm]);
  fit(byId("beds"), byId("room"), calm.length, alarmed.length);
  keepInStep();
  byId("empty").hidden = !live.ready || tiles.size > 0;
}

// Beds that flash each in their own time would together flash more often than three times a second.
function keepInStep() {
  for (const one of document.getAnimations()) {
    if (one.animationName === "flash" && one.playState !== "paused" && one.startTime !== 0) one.startTime = 0;
  }
}

function bedName(key) {
  const bed = beds.get(key);
  return `${bed.ward} ${bed.bed}`;
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

// Says each new alert, and each rise to high, once to a screen reader, and brings it into view; only
// what is high interrupts what is being read.
function tell(shown, now) {
  const news = { high: [], other: [] };
  for (const alert of shown) {
    if (alert.state === "waiting" && announced.get(alert.id) !== alert.priority) {
      const values = { bed: words.place(alert), word: words.alertWord(alert), reason: words.reason(alert, now) };
      news[alert.priority === "high" ? "high" : "other"].push(t("announce", values));
    }
  }
  // What is accepted is forgotten: it is said anew once it waits again.
  announced = new Map(shown.filter((alert) => alert.state === "waiting").map((alert) => [alert.id, alert.priority]));
  announce(news.high, true);
  announce(news.other);
  if (news.high.length + news.other.length) byId("room").scrollTop = 0;
}

// Whoever silenced something must not have to remember it: its end is shown and said.
function tellSilences(now) {
  const { begun, ended } = silences.news([...beds.values()], open(), now);
  announce(begun);
  if (ended.length) toast(ended.join(" "));
}

// What should be heard: nothing that is accepted, missed, paused, or of a muted bed.
function drawSound(now) {
  const muted = (alert) => alert.priority !== "technical" && isMuted(beds.get(tileOf(alert, beds)) || null, now);
  const loud = open().filter((alert) => alert.state === "waiting" && !alert.missed && !isPaused(alert, now) && !muted(alert));
  loud.sort(words.byUrgency);
  const dead = live.ready && !live.live;
  sound.want(dead ? "dead" : loud[0]?.priority || null, loud.map((alert) => alert.id));
}

function drawLiveness() {
  const now = feed.now();
  showLiveness(live, now, silentS);
  drawSound(now);
}

every(SECOND_MS, () => {
  draw();
  settings.showLight();
});
