export default {
  "to_board": "Board",
  "rejects": "Messages set aside",
  "rejects_what": "Messages that break the rules between devices and hub. The hub does not use them: what they wanted to say is on no board. Usually a device has other software than the hub, or something else writes to the broker.",
  "rejects_counts": "Within a day: {day} · kept: {kept}, the newest 1,000 at most · ever: {ever}",
  "rejects_times": "{n} ×",
  "rejects_last": "last {time}",
  "rejects_newest": "The newest {n} of them:",
  "rejects_text": "Content, {n} bytes",
  "rejects_hex": "Content is no text; {n} bytes in hexadecimal",
  "rejects_trouble": "The hub does not answer. Trying again.",
  "look_again": "Look again"
};
