// The dialog of one bed: each of its open alerts with what can be answered, and its mute. Kept up to date
// while open.

import { byId, el, icon, setData, setIcon, setText } from "./dom.js";
import { t } from "./i18n.js";
import { Muting } from "./muting.js";
import * as silences from "./silences.js";
import * as words from "./words.js";

export class Answers {
  constructor(act, staleS) {
    this.act = act;
    this.dialog = byId("answers");
    this.list = byId("answers-list");
    this.muting = new Muting(act);
    this.device = new DeviceLine(byId("answers-device"), staleS);
    this.link = byId("answers-page");
    this.whole = false;
    this.answered = false;
    this.cards = new Map();
    this.key = null;
    this.opener = null;
    byId("answers-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // beside it
    });
    this.dialog.addEventListener("close", () => {
      this.key = null;
      if (this.opener?.isConnected) this.opener.focus({ preventScroll: true });
    });
  }

  // `whole`: with the bed's mute too, not only its alerts.
  open(key, opener, whole) {
    this.key = key;
    this.opener = opener;
    this.whole = whole;
    this.answered = false;
    this.muting.reset();
    this.list.replaceChildren();
    this.cards.clear();
    this.dialog.showModal();
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  // The beds, and the open alerts of each by tile. Closes itself when the alerts it was about are over.
  update(beds, groups, now) {
    if (!this.dialog.open) return;
    const bed = beds.get(this.key) || null;
    const alerts = [...(groups.get(this.key) || [])].sort(words.byUrgency);
    if (!alerts.length && (this.answered || !this.whole || bed === null)) {
      this.dialog.close();
      return;
    }
    this.answered = alerts.some((alert) => alert.state === "accepted");
    const place = words.place(bed || alerts[0]);
    setText(byId("answers-title"), bed?.patient ? `${place} · ${words.isolated(bed.patient)}` : place);
    byId("answers-none").hidden = alerts.length > 0;
    this.muting.update(this.whole ? bed : null, now);
    this.device.update(this.whole ? bed : null, now);
    const page = bed ? `/beds/${bed.id}` : words.formerPage(alerts[0]);
    this.link.hidden = !this.whole || page === null;
    if (page) this.link.href = page;
    setData(this.dialog, "whole", this.whole && bed ? "yes" : "no");
    const seen = new Set(alerts.map((alert) => alert.id));
    for (const [id, card] of this.cards) {
      if (!seen.has(id)) {
        card.node.remove();
        this.cards.delete(id);
      }
    }
    for (const alert of alerts) {
      if (!this.cards.has(alert.id)) {
        const card = new Card(alert.id, this.act);
        this.cards.set(alert.id, card);
        this.list.append(card.node);
      }
      this.cards.get(alert.id).update(alert, bed, now);
    }
  }
}

// Microphone and link in words, which the tile has as icons.
class DeviceLine {
  constructor(node, staleS) {
    this.node = node;
    this.staleS = staleS;
    this.parts = ["mic", "link"].map((name) => {
      const sign = icon(name);
      const word = el("span", {});
      node.append(el("span", { class: "part" }, sign, word));
      return { sign, word };
    });
  }

  update(bed, now) {
    this.node.hidden = bed === null;
    if (bed === null) return;
    const states = [words.microphone(bed.microphone), words.link(bed, now, this.staleS)];
    this.parts.forEach(({ sign, word }, index) => {
      setIcon(sign, states[index].icon);
      setText(word, states[index].word);
    });
  }
}

class Card {
  constructor(id, act) {
    this.sign = icon("medium");
    this.word = el("strong", {});
    this.reason = el("p", { class: "reason" });
    this.since = el("p", { class: "since" });
    this.calls = el("p", { class: "calls" });
    this.who = el("p", { class: "who" });
    this.hush = el("span", {});
    this.paused = el("p", { class: "hush" }, icon("bell-off"), this.hush);
    this.accept = el("button", { type: "button", class: "accept", onclick: () => act.accept(id) });
    this.pause = el("button", { type: "button", class: "pause", onclick: () => act.pause(id) });
    this.ask = el("p", { class: "ask" });
    this.outcomes = words.OUTCOMES.map((name) =>
      el("button", { type: "button", class: "outcome", "data-outcome": name, onclick: () => act.close(id, name) }),
    );
    this.closing = el("div", { class: "closing" }, this.ask, el("div", { class: "outcomes" }, ...this.outcomes));
    this.node = el(
      "div",
      { class: "card" },
      el("p", { class: "kind" }, this.sign, this.word),
      this.reason,
      this.since,
      this.calls,
      this.who,
      this.paused,
      this.closing,
      el("div", { class: "waiting-answers" }, this.accept, this.pause),
    );
  }

  update(alert, bed, now) {
    const accepted = alert.state === "accepted";
    setData(this.node, "priority", words.rankName(alert));
    setIcon(this.sign, words.alertIcon(alert));
    setText(this.word, words.alertWord(alert));
    setText(this.reason, words.reason(alert, now));
    setText(this.since, words.condition(alert, now, bed));
    setText(this.calls, words.called(alert));
    setText(this.who, words.accepted(alert));
    setText(this.accept, t("accept"));
    setText(this.pause, t("pause"));
    setText(this.ask, t("what_was_it"));
    this.outcomes.forEach((button) => setText(button, t(words.outcomeKey(button.dataset.outcome))));
    this.accept.hidden = accepted && words.isNamed(alert.accepted_by); // else a colleague takes it over
    this.pause.hidden = silences.isMuted(bed, now) || !silences.canPause(alert, now);
    this.paused.hidden = !silences.isPaused(alert, now);
    const values = { left: silences.left(alert.paused_until, now), name: alert.paused_by };
    setText(this.hush, this.paused.hidden ? "" : t("paused_left", values));
    this.closing.hidden = !alert.accepted_by;
  }
}
