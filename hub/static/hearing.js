// What is heard at a bed now, which tile and page both tell: nothing, or nobody speaks, or how a voice sounds.

import * as words from "./words.js";

const QUIET_S = 12; // no voice for so long: quiet

// `link` and `mic` as in words.js; `deaf`: nothing can be heard, for the reason `why`; `age` of the last voice in
// seconds; `speaking`: it goes on; `heard`: how it sounded, or null.
export function hearing(bed, now, staleS) {
  const link = words.link(bed, now, staleS);
  const mic = words.microphone(bed.microphone);
  const cut = link.tone === "bad";
  const deaf = cut || mic.tone !== "ok";
  const age = bed.emotion_at === null ? Infinity : Math.max(0, now - bed.emotion_at);
  const why = cut ? { icon: "link-off", word: link.word } : { icon: "mic-off", word: mic.word };
  const heard = bed.emotion ? words.emotion(bed.emotion) : null;
  return { link, mic, cut, deaf, why, age, speaking: age < QUIET_S && !deaf, heard };
}
