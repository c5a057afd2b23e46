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
    this.sign = icon("medium");
    this.name = el("h2", { class: "bed" });
    this.ward = el("span", { class: "ward-name" });
    this.word = el("strong", { class: "word" });
    this.waiting = el("span", { class: "waiting" });
    this.mic = chip();
    this.link = chip();
    this.states = el("div", { class: "states" }, this.mic.node, this.link.node);
    const title = el(
      "div",
      { class: "title" },
      el("div", { class: "place" }, this.name, this.ward, this.states),
      el("div", { class: "kind-line" }, this.word, this.waiting),
    );
    this.head = el("header", {}, this.sign, title);
    this.alertBox = el("div", { class: "alerts" });
    this.face = icon("quiet");
    this.emotion = el("span", { class: "emotion" });
    this.fresh = el("span", { class: "fresh" });
    this.fill = el("span", { class: "fill" });
    this.bar = el("div", { class: "bar", role: "meter", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Distress level" }, this.fill);
    this.number = el("span", { class: "number" });
    const mood = el("div", { class: "mood" }, this.face, el("div", {}, this.emotion, this.fresh));
    const level = el("div", { class: "level" }, el("span", { class: "level-word" }, "Distress"), this.bar, this.number);
    this.live = el("div", { class: "live" }, mood, level);
    this.node = el("article", { class: "tile" }, this.head, this.alertBox, this.live);
  }

  // `bed` is null for the hub's own alert; `alerts` are this tile's open ones.
  update(bed, alerts, now, staleS) {
    const sorted = [...alerts].sort(byUrgency);
    const first = sorted[0];
    setText(this.name, bed ? bed.bed : first?.bed || "");
    setText(this.ward, bed ? bed.ward : "");
    this.live.hidden = this.states.hidden = !bed;
    this.sign.toggleAttribute("hidden", !first);
    this.word.hidden = this.waiting.hidden = !first;
    setData(this.node, "priority", first ? rankName(first) : "none");
    setData(this.node, "state", first ? first.state : "calm");
    if (first) {
      setIcon(this.sign, words.alertIcon(first));
      setText(this.word, words.alertWord(first));
      const waited = now - first.opened_at;
      setText(this.waiting, first.state === "accepted" ? "accepted" : words.watch(waited));
      if (this.waiting.title !== "how long it has waited") this.waiting.title = "how long it has waited";
    }
    this.updateAlerts(sorted, now);
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

  updateAlerts(alerts, now) {
    const seen = new Set();
    alerts.forEach((alert, index) => {
      seen.add(alert.id);
      let card = this.alerts.get(alert.id);
      if (!card) {
        card = new AlertCard(alert.id, this.act);
        this.alerts.set(alert.id, card);
      }
      if (this.alertBox.children[index] !== card.node) {
        this.alertBox.insertBefore(card.node, this.alertBox.children[index] || null);
      }
      card.update(alert, now);
    });
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
    this.sign = icon("medium");
    this.word = el("strong", {});
    this.reason = el("p", { class: "reason" });
    this.since = el("p", { class: "since" });
    this.accept = el("button", { type: "button", class: "accept", onclick: () => act.accept(id) }, "Accept");
    this.who = el("p", { class: "who" });
    this.outcomes = el(
      "div",
      { class: "outcomes", role: "group" },
      ...words.OUTCOMES.map(([value, text]) =>
        el("button", { type: "button", class: "outcome", "data-outcome": value, onclick: () => act.close(id, value) }, text),
      ),
    );
    this.closing = el("div", { class: "closing" }, this.who, el("p", { class: "ask" }, "What was it? Closes the alert."), this.outcomes);
    this.node = el(
      "div",
      { class: "alert", "data-alert": String(id) },
      el("p", { class: "kind" }, this.sign, this.word),
      this.reason,
      this.since,
      this.accept,
      this.closing,
    );
  }

  update(alert, now) {
    setData(this.node, "priority", rankName(alert));
    setData(this.node, "state", alert.state);
    setIcon(this.sign, words.alertIcon(alert));
    setText(this.word, words.alertWord(alert));
    setText(this.reason, words.reason(alert));
    setText(this.since, condition(alert, now));
    const accepted = alert.state === "accepted";
    setText(this.who, accepted ? `Accepted by ${alert.accepted_by}, ${words.time(alert.accepted_at)}` : "");
    this.accept.hidden = accepted;
    this.closing.hidden = !accepted;
    this.accept.setAttribute("aria-label", `Accept ${alert.bed}: ${words.alertWord(alert)}`);
    this.outcomes.setAttribute("aria-label", `Close ${alert.bed}: ${words.alertWord(alert)}`);
  }
}

function chip() {
  const sign = icon("mic");
  const text = el("span", { class: "chip-word" });
  const node = el("span", { class: "chip" }, sign, text);
  return {
    node,
    set(state) {
      setIcon(sign, state.icon);
      setText(text, state.word);
      setData(node, "tone", state.tone);
      if (node.title !== state.word) node.title = state.word;
    },
  };
}

function condition(alert, now) {
  if (alert.priority === "technical") return `since ${words.time(alert.opened_at)}`;
  if (alert.missed) return `at ${words.time(alert.opened_at)}, reported late: look in and review`;
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
