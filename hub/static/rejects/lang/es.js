export default {
  "to_board": "Tablero",
  "rejects": "Mensajes apartados",
  "rejects_what": "Mensajes que incumplen las reglas entre dispositivos y central. La central no los usa: lo que querían decir no está en ningún tablero. Casi siempre un dispositivo tiene otro software que la central, u otra cosa escribe en el broker.",
  "rejects_counts": "En un día: {day} · guardados: {kept}, como mucho los 1.000 más nuevos · en total: {ever}",
  "rejects_times": "{n} ×",
  "rejects_last": "último {time}",
  "rejects_newest": "Los {n} más nuevos:",
  "rejects_text": "Contenido, {n} bytes",
  "rejects_hex": "El contenido no es texto; {n} bytes en hexadecimal",
  "rejects_trouble": "La central no responde. Se intenta de nuevo.",
  "look_again": "Mirar de nuevo"
};
