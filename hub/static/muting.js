// The part of a bed's dialog that mutes it: why, then for how long; or tells who has, and ends it.

import { byId, el, setText } from "./dom.js";
import { t, time } from "./i18n.js";
import * as silences from "./silences.js";

const MINUTES = document.body.dataset.muteMinutes.split(",").map(Number);

export class Muting {
  // `act.mute(bed, minutes, reason)` and `act.unmute(bed)`.
  constructor(act) {
    this.bed = null;
    this.reason = null; // null: none chosen; "": another one, which is typed
    this.section = byId("mute");
    this.other = byId("mute-other");
    this.reasons = [...silences.REASONS, ""].map((name) =>
      el("button", { type: "button", class: "choice", "data-reason": name, onclick: () => this.choose(name) }),
    );
    this.lengths = MINUTES.map((minutes) =>
      el("button", {
        type: "button",
        class: "choice",
        "data-minutes": minutes,
        onclick: () => act.mute(this.bed.id, minutes, this.why()),
      }),
    );
    byId("mute-reasons").append(...this.reasons);
    byId("mute-minutes").append(...this.lengths);
    byId("unmute").addEventListener("click", () => act.unmute(this.bed.id));
    this.other.addEventListener("input", () => this.show());
  }

  reset() {
    this.reason = null;
    this.other.value = "";
  }

  choose(name) {
    this.reason = name;
    this.show();
    if (name === "") this.other.focus();
  }

  why() {
    return this.reason || this.other.value.trim();
  }

  // `bed` is null where the dialog has nothing to mute.
  update(bed, now) {
    this.bed = bed;
    this.section.hidden = bed === null;
    if (bed === null) return;
    const muted = silences.isMuted(bed, now);
    byId("muted").hidden = !muted;
    byId("mute-choices").hidden = muted;
    setText(byId("mute-title"), t(muted ? "muted_title" : "mute_title"));
    if (muted) {
      const values = { left: silences.left(bed.muted_until, now), time: time(bed.muted_until) };
      setText(byId("muted-left"), t("muted_left", values));
      setText(byId("muted-by"), t("muted_by", { name: bed.muted_by, reason: silences.reason(bed.muted_reason) }));
    }
    this.show();
  }

  show() {
    for (const button of this.reasons) {
      const name = button.dataset.reason;
      setText(button, name ? silences.reason(name) : t("mute_other"));
      button.setAttribute("aria-pressed", String(name === this.reason));
    }
    this.other.hidden = this.reason !== "";
    for (const button of this.lengths) {
      setText(button, silences.length(Number(button.dataset.minutes)));
      button.disabled = this.reason === null || !this.why();
    }
  }
}
