// What the board says: every word a nurse reads that depends on data is here.

const EMOTIONS = new Set(["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]);

const MICROPHONES = {
  healthy: ["mic", "Listening", "ok"],
  file: ["file", "Recording", "ok"],
  muted: ["mic-off", "Muted", "off"],
  recovering: ["mic-off", "Mic recovering", "bad"],
  silent: ["mic-off", "Mic silent", "bad"],
  stalled: ["mic-off", "Mic stalled", "bad"],
  lost: ["mic-off", "Mic lost", "bad"],
};

export const OUTCOMES = [
  ["distress", "Distress"],
  ["other need", "Other need"],
  ["false alarm", "False alarm"],
  ["could not tell", "Could not tell"],
];

export function emotion(name) {
  const word = name.charAt(0).toUpperCase() + name.slice(1);
  return { icon: EMOTIONS.has(name) ? name : "voice", word };
}

export function microphone(state) {
  const [icon, word, tone] = MICROPHONES[state] || ["mic-off", "Mic unknown", "off"];
  return { icon, word, tone };
}

export function link(bed, now, staleS) {
  if (bed.status === "offline" && bed.heard_at <= bed.status_at) {
    return { icon: "link-off", word: "Offline", tone: "bad" };
  }
  if (now - bed.heard_at >= staleS) return { icon: "link-off", word: "No signal", tone: "bad" };
  return { icon: "link", word: "Connected", tone: "ok" };
}

export function alertWord(alert) {
  if (alert.priority === "technical") return "Technical";
  if (alert.missed) return "Missed distress";
  return alert.priority === "high" ? "Distress – high" : "Distress";
}

export function alertIcon(alert) {
  return alert.missed ? "missed" : alert.priority;
}

export function reason(alert) {
  const text = alert.reason.charAt(0).toUpperCase() + alert.reason.slice(1);
  return alert.episodes > 1 ? `${text} · ${alert.episodes} times` : text;
}

export function outcome(alert) {
  if (alert.state === "resolved") return "Over by itself";
  const found = OUTCOMES.find(([value]) => value === alert.outcome);
  return found ? found[1] : "";
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} d`;
}

// Like a stop watch: 0:07, 12:40, then 2 h 05.
export function watch(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const pair = (number) => String(number).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${pair(s % 60)}`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${pair(Math.floor((s % 3600) / 60))}`;
  return `${Math.floor(s / 86400)} d`;
}

export function ago(seconds) {
  if (seconds < 3) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export function time(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function plural(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}
