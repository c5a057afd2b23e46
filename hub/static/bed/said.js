// What the bed page says of slices of time, alerts and absences, put together from their fields.

import { day, known, number, span, t, time } from "../i18n.js";
import * as words from "../words.js";

export const EMOTIONS = ["neutral", "calm", "happy", "surprised", "sad", "disgust", "angry", "fearful"];

const SHOWN = 3; // emotions of a slice in words; the rest is in the picture and in the table

// The slice's emotions, most frequent first, as [name, share].
export function shares(slice) {
  const total = Object.values(slice.emotions).reduce((sum, one) => sum + one, 0);
  if (!total) return [];
  return Object.entries(slice.emotions)
    .map(([name, count]) => [name, count / total])
    .sort((a, b) => b[1] - a[1]);
}

export function percent(share) {
  return t("percent", { n: number(Math.round(share * 100)) });
}

export function emotionShares(slice, most = SHOWN) {
  return shares(slice)
    .slice(0, most)
    .map(([name, share]) => `${words.emotion(name).word} ${percent(share)}`);
}

export function whyUnheard(why) {
  const key = `why_${why.replaceAll(" ", "_")}`;
  return t(known(key) ? key : "why_unknown");
}

export function between(start, end) {
  return t("from_to", { from: time(start), to: time(end) });
}

// With the day where it is not today's.
export function moment(seconds, now) {
  const same = new Date(seconds * 1000).toDateString() === new Date(now * 1000).toDateString();
  return same ? time(seconds) : `${day(seconds)}, ${time(seconds)}`;
}

// What lay in a stretch of time that was not heard: seconds of it, and the cause of the longest part.
export function absence(data, start, end) {
  let seconds = 0;
  let longest = null;
  for (const one of data.unheard) {
    const part = Math.min(end, one.end) - Math.max(start, one.start);
    if (part <= 0) continue;
    seconds += part;
    if (!longest || part > longest.part) longest = { part, why: one.why };
  }
  return { seconds, why: longest ? longest.why : null };
}

export function isLate(data, start, end) {
  return data.late.some((one) => one.start < end && one.end > start);
}

// A slice in words: what a screen reader says at the pointer, and what stands under the picture.
export function sliceWords(data, slice) {
  const end = Math.min(slice.at + data.slice_s, data.now);
  const missing = absence(data, slice.at, end);
  const parts = [];
  if (missing.seconds > 0) {
    const why = whyUnheard(missing.why);
    const all = missing.seconds >= (end - slice.at) * 0.98;
    parts.push(all ? t("unheard", { why }) : t("unheard_part", { why, span: span(missing.seconds) }));
    if (all) return parts;
  }
  if (slice.speech_s < 1) parts.push(t("quiet"));
  else {
    parts.push(t("spoke", { span: span(slice.speech_s) }), emotionShares(slice).join(", "));
    parts.push(t("distress_of", { mean: hundredth(slice.distress), peak: hundredth(slice.peak) }));
    if (slice.pitch_hz !== null) parts.push(t("pitch", { n: number(Math.round(slice.pitch_hz)) }));
    if (slice.pauses !== null) parts.push(t("pauses", { share: percent(slice.pauses) }));
    if (slice.level_db !== null) parts.push(t("level", { n: number(Math.round(slice.level_db)) }));
  }
  if (isLate(data, slice.at, end)) parts.push(t("told_late"));
  return parts.filter(Boolean);
}

export function hundredth(share) {
  return share === null ? "–" : number(Math.round(share * 100));
}

export function pauses(data) {
  return data.happenings.filter((one) => one.what === "pause");
}
