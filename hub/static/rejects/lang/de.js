export default {
  "to_board": "Tafel",
  "rejects": "Beiseitegelegte Nachrichten",
  "rejects_what": "Nachrichten, die gegen die Regeln zwischen Geräten und Zentrale verstoßen. Die Zentrale verwendet sie nicht: Was sie sagen wollten, steht auf keiner Tafel. Meist hat ein Gerät andere Software als die Zentrale, oder etwas anderes schreibt an den Broker.",
  "rejects_counts": "Innerhalb eines Tages: {day} · aufbewahrt: {kept}, höchstens die neuesten 1.000 · jemals: {ever}",
  "rejects_times": "{n} ×",
  "rejects_last": "zuletzt {time}",
  "rejects_newest": "Die neuesten {n} davon:",
  "rejects_text": "Inhalt, {n} Byte",
  "rejects_hex": "Inhalt ist kein Text; {n} Byte hexadezimal",
  "rejects_trouble": "Die Zentrale antwortet nicht. Es wird wieder versucht.",
  "look_again": "Neu laden"
};
