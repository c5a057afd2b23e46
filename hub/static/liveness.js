// Whether a page shows the present, at its top; where it does not, NOT LIVE over all of it, and why.

import { byId, setText } from "./dom.js";
import { span, t, time } from "./i18n.js";

// `live` is what hub/static/feed.js says of the stream; `now` is the hub's time.
export function showLiveness(live, now, silentS) {
  const dead = !live.live;
  byId("app").inert = dead;
  byId("not-live").hidden = !dead;
  byId("pulse").dataset.live = live.ready && !dead ? "yes" : "no";
  setText(byId("pulse-word"), t(dead ? "not_live_short" : live.ready ? "live" : "connecting"));
  setText(byId("clock"), time(now));
  if (!dead) return;
  const parts = live.parts.filter((name) => name === "ingest" || name === "engine").map((name) => t(`not_live_${name}`));
  const silence = t("not_live_silence", { span: span(live.silence), time: time(live.heardAt) });
  setText(byId("not-live-why"), live.silence < silentS && parts.length ? parts.join(" ") : silence);
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close(); // they would lie above it
}
