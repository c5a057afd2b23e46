// Whether a page shows the present, at its top; where it does not, NOT LIVE over all of it, and why.

import { byId, setText } from "./dom.js";
import { span, t, time } from "./i18n.js";

let told = null; // the state that was last said

// `live` is what hub/static/feed.js says of the stream; `now` is the hub's time.
export function showLiveness(live, now, silentS) {
  const dead = !live.live;
  byId("app").inert = dead;
  byId("not-live").hidden = !dead;
  byId("pulse").dataset.live = live.ready && !dead ? "yes" : "no";
  setText(byId("pulse-word"), t(dead ? "not_live_short" : live.ready ? "live" : "connecting"));
  setText(byId("clock"), time(now));
  const parts = live.silence < silentS ? live.parts.filter((name) => name === "ingest" || name === "engine") : [];
  const silence = dead ? t("not_live_silence", { span: span(live.silence), time: time(live.heardAt) }) : "";
  const why = parts.map((name) => t(`not_live_${name}`)).join(" ") || silence;
  say(dead ? `dead ${parts}` : "live", dead ? `${t("not_live")}. ${why} ${t("not_live_do")}` : t("live"));
  if (!dead) return;
  setText(byId("not-live-why"), why);
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close(); // they would lie above it
}

// A screen reader says what has changed, not each second that has passed since.
function say(state, text) {
  if (state !== told && (told !== null || state !== "live")) setText(byId("not-live-said"), text);
  told = state;
}
