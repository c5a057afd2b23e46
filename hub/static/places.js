// Where alerts are shown: an alert belongs to the bed where it was raised, also after its device has moved.

// The tile of an alert, by its key: a device's number, or the name of a bed where no device stands any more,
// of a ward, or of the hub. A technical alert goes along with the device it is about. `beds` is by number.
export function tileOf(alert, beds) {
  if (alert.device_id === null) return `ward ${alert.ward}`;
  const own = beds.get(alert.device_id);
  if (own && (alert.priority === "technical" || stands(own, alert))) return own.id;
  const other = [...beds.values()].find((bed) => stands(bed, alert));
  return other ? other.id : `bed ${alert.ward} ${alert.bed}`;
}

function stands(bed, alert) {
  return bed.ward === alert.ward && bed.bed === alert.bed;
}

// Each bed's open alerts by tile, also none; then those of other tiles.
export function byTile(alerts, beds) {
  const groups = new Map([...beds.keys()].map((id) => [id, []]));
  for (const alert of alerts) {
    const key = tileOf(alert, beds);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(alert);
  }
  return groups;
}
