export default {
  "to_board": "Tableau",
  "rejects": "Messages mis de côté",
  "rejects_what": "Messages qui enfreignent les règles entre appareils et centrale. La centrale ne les utilise pas : ce qu’ils voulaient dire n’est sur aucun tableau. Le plus souvent, un appareil a un autre logiciel que la centrale, ou autre chose écrit au broker.",
  "rejects_counts": "En un jour : {day} · gardés : {kept}, les 1 000 plus récents au plus · en tout : {ever}",
  "rejects_times": "{n} ×",
  "rejects_last": "dernier {time}",
  "rejects_newest": "Les {n} plus récents :",
  "rejects_text": "Contenu, {n} octets",
  "rejects_hex": "Le contenu n’est pas du texte ; {n} octets en hexadécimal",
  "rejects_trouble": "La centrale ne répond pas. Nouvel essai en cours.",
  "look_again": "Actualiser"
};
