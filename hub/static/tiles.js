// One tile a bed. A tile is built once and then brought up to date in place, so that a button never
// changes under a finger and keyboard focus stays where it is.

import { el, icon, setData, setIcon, setText } from "./dom.js";
import * as words from "./words.js";

const QUIET_S = 12; // no speech for so long: the tile says quiet, and how long ago the last voice was
const CRITICAL = { high: 0, medium: 1, missed: 2, technical: 3 };

export class Tile {
  constructor(key, act) {
    this.key = key;
    this.act = act;
    this.alerts = new Map();
    this.name = el("h2", { class: "bed" });
    this.ward = el("span", { class: "ward-name" });
    this.mic = chip();
    this.link = chip();
    this.alertBox = el("div", { class: "alerts" });
    this.face = icon("quiet");
    this.emotion = el("span", { class: "emotion" });
    this.fresh = el("span", { class: "fresh" });
    this.fill = el("span", { class: "fill" });
    this.bar = el("div", { class: "bar", role: "meter", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Distress level" }, this.fill);
    this.number = el("span", { class: "number" });
    this.live = el(
      "div",
      { class: "live" },
      el("div", { class: "mood" }, this.face, el("div", {}, this.emotion, this.fresh)),
      el("div", { class: "level" }, el("span", { class: "level-word" }, "Distress"), this.bar, this.number),
    );
    this.states = el("div", { class: "states" }, this.mic.node, this.link.node);
    this.head = el("header", {}, el("div", { class: "title" }, this.name, this.ward), this.states);
    this.node = el("article", { class: "tile" }, this.head, this.alertBox, this.live);
  }

  // `bed` is null for the hub's own alert; `alerts` are this tile's open ones.
  update(bed, alerts, now, staleS) {
    const name = bed ? bed.bed : alerts[0]?.bed || "";
    setText(this.name, name);
    setText(this.ward, bed ? bed.ward : "");
    this.live.hidden = this.states.hidden = !bed;
    this.updateAlerts(alerts, now, name);
    const first = [...alerts].sort(byUrgency)[0];
    setData(this.node, "priority", first ? rankName(first) : "none");
    setData(this.node, "state", first ? first.state : "calm");
    if (bed) this.updateLive(bed, now, staleS);
  }

  updateLive(bed, now, staleS) {
    const link = words.link(bed, now, staleS);
    const cut = link.tone === "bad";
    this.mic.set(cut ? { ...words.microphone(bed.microphone), tone: "off" } : words.microphone(bed.microphone));
    this.link.set(link);
    const age = bed.emotion_at === null ? Infinity : Math.max(0, now - bed.emotion_at);
    const speaking = age < QUIET_S && !cut;
    const heard = bed.emotion ? words.emotion(bed.emotion) : null;
    setData(this.live, "speaking", speaking ? "yes" : "no");
    if (speaking) {
      setIcon(this.face, heard.icon);
      setText(this.emotion, heard.word);
      setText(this.fresh, words.ago(age));
    } else {
      setIcon(this.face, cut ? "link-off" : "quiet");
      setText(this.emotion, cut ? "Not hearing" : "Quiet");
      setText(this.fresh, heard ? `${heard.word} ${words.ago(age)}` : "no voice yet");
    }
    const level = speaking ? Math.round(bed.distress * 100) : 0;
    this.fill.style.transform = `scaleX(${level / 100})`;
    this.bar.setAttribute("aria-valuenow", String(level));
    setText(this.number, speaking ? String(level) : "–");
  }

  updateAlerts(alerts, now, name) {
    const seen = new Set();
    for (const alert of [...alerts].sort(byUrgency)) {
      seen.add(alert.id);
      let card = this.alerts.get(alert.id);
      if (!card) {
        card = new AlertCard(alert.id, this.act);
        this.alerts.set(alert.id, card);
        this.alertBox.append(card.node);
      }
      card.update(alert, now, name);
    }
    for (const [id, card] of this.alerts) {
      if (!seen.has(id)) {
        card.node.remove();
        this.alerts.delete(id);
      }
    }
  }
}

class AlertCard {
  constructor(id, act) {
    this.id = id;
    this.act = act;
    this.sign = icon("medium");
    this.word = el("strong", { class: "word" });
    this.waiting = el("span", { class: "waiting" });
    this.reason = el("p", { class: "reason" });
    this.since = el("p", { class: "since" });
    this.accept = el("button", { type: "button", class: "accept", onclick: () => act.accept(id) }, icon("person"), el("span", {}, "Accept"));
    this.who = el("p", { class: "who" });
    this.closers = words.OUTCOMES.map(([value, text]) =>
      el("button", { type: "button", class: "outcome", "data-outcome": value, onclick: () => act.close(id, value) }, text),
    );
    this.closing = el("div", { class: "closing" }, this.who, el("p", { class: "ask" }, "Close – what was it?"), el("div", { class: "outcomes", role: "group" }, ...this.closers));
    this.node = el(
      "div",
      { class: "alert", "data-alert": String(id) },
      el("div", { class: "band" }, this.sign, this.word, this.waiting),
      el("div", { class: "body" }, this.reason, this.since, this.accept, this.closing),
    );
  }

  update(alert, now, name) {
    setData(this.node, "priority", rankName(alert));
    setData(this.node, "state", alert.state);
    setIcon(this.sign, words.alertIcon(alert));
    setText(this.word, words.alertWord(alert));
    setText(this.reason, words.reason(alert));
    setText(this.since, condition(alert, now));
    const accepted = alert.state === "accepted";
    setText(this.waiting, accepted ? "being attended" : `waiting ${words.span(now - alert.opened_at)}`);
    setText(this.who, accepted ? `${alert.accepted_by} is on the way since ${words.time(alert.accepted_at)}` : "");
    this.accept.hidden = accepted;
    this.closing.hidden = !accepted;
    this.accept.setAttribute("aria-label", `Accept: ${name}, ${words.alertWord(alert)}`);
    this.closing.lastChild.setAttribute("aria-label", `Close the alert of ${name}`);
  }
}

function chip() {
  const sign = icon("mic");
  const text = el("span", {});
  const node = el("span", { class: "chip" }, sign, text);
  return {
    node,
    set(state) {
      setIcon(sign, state.icon);
      setText(text, state.word);
      setData(node, "tone", state.tone);
    },
  };
}

function condition(alert, now) {
  if (alert.priority === "technical") return `since ${words.time(alert.opened_at)}`;
  if (alert.missed) return `${words.time(alert.opened_at)} – the device was cut off; look in and review`;
  if (alert.condition === "present") return "still going on";
  return `ended ${words.ago(now - alert.ended_at)}`;
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
