// The dialog of one bed: each of its open alerts with what can be answered. Kept up to date while open.

import { byId, el, icon, setData, setIcon, setText } from "./dom.js";
import { t, time } from "./i18n.js";
import * as words from "./words.js";

export class Answers {
  constructor(act) {
    this.act = act;
    this.dialog = byId("answers");
    this.list = byId("answers-list");
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

  open(key, opener) {
    this.key = key;
    this.opener = opener;
    this.list.replaceChildren();
    this.cards.clear();
    this.dialog.showModal();
  }

  // The open alerts of every bed, by tile; closes itself when those of its bed are over.
  update(groups, now) {
    if (!this.dialog.open) return;
    const alerts = [...(groups.get(this.key) || [])].sort(words.byUrgency);
    if (!alerts.length) {
      this.dialog.close();
      return;
    }
    setText(byId("answers-title"), words.place(alerts[0]));
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
      this.cards.get(alert.id).update(alert, now);
    }
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
      this.closing,
      el("div", { class: "waiting-answers" }, this.accept, this.pause),
    );
  }

  update(alert, now) {
    const accepted = alert.state === "accepted";
    setData(this.node, "priority", words.rankName(alert));
    setIcon(this.sign, words.alertIcon(alert));
    setText(this.word, words.alertWord(alert));
    setText(this.reason, words.reason(alert, now));
    setText(this.since, words.condition(alert, now));
    setText(this.calls, words.called(alert));
    setText(this.who, accepted ? t("accepted_by", { name: words.person(alert.accepted_by), time: time(alert.accepted_at) }) : "");
    setText(this.accept, t("accept"));
    setText(this.pause, t("pause"));
    setText(this.ask, t("what_was_it"));
    this.outcomes.forEach((button) => setText(button, t(words.outcomeKey(button.dataset.outcome))));
    this.accept.hidden = this.pause.hidden = accepted;
    this.closing.hidden = !accepted;
  }
}
