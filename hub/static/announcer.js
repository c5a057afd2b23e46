// What a screen reader says by itself: each piece of news once, in a line of its own, so that none takes
// another's place before it has been read.

import { byId, el } from "./dom.js";

const KEPT = 5; // lines; whoever reads the page finds but the latest

// `loud` news interrupts what is being read.
export function announce(texts, loud = false) {
  const log = byId(loud ? "announce-high" : "announce");
  log.append(...texts.map((text) => el("span", {}, text)));
  while (log.children.length > Math.max(KEPT, texts.length)) log.firstChild.remove();
}
