// How large tiles may be so that all of them are seen at once. Pure but for `fit`, which measures the room.

const GAP = 8;
const WIDTH = 166; // the smallest tile, in CSS pixels: text of 12 px and a button of 44 px still fit
const HEIGHT = 120;
const LARGEST = 2; // times the smallest
const WIDEST = 460; // of one column

// The largest grid for so many calm tiles and alerts in a room; alerts are two columns wide where that fits.
// Where not even the smallest tiles fit, `scrolls` is true.
export function plan(calm, alerts, width, height) {
  let best = null;
  for (const wide of alerts ? [2, 1] : [1]) {
    for (let columns = wide; columns <= Math.max(wide, calm + wide * alerts); columns += 1) {
      const cells = calm + wide * alerts;
      const rows = Math.max(1, Math.ceil(cells / columns), Math.ceil(alerts / Math.floor(columns / wide)));
      const cellWidth = (width - GAP * (columns - 1)) / columns;
      const cellHeight = (height - GAP * (rows - 1)) / rows;
      const scale = Math.min(cellWidth / WIDTH, cellHeight / HEIGHT, LARGEST);
      if (scale >= 1 && (!best || scale > best.scale)) {
        best = { columns, wide, scale, width: Math.min(cellWidth, WIDEST), height: Math.min(cellHeight, HEIGHT * scale * 1.1), scrolls: false };
      }
    }
    if (best) return best;
  }
  const columns = Math.max(1, Math.floor((width + GAP) / (WIDTH + GAP)));
  const one = Math.min((width - GAP * (columns - 1)) / columns, WIDEST);
  return { columns, wide: Math.min(columns, 2), scale: 1, width: one, height: HEIGHT, scrolls: true };
}

// Sets the grid for the tiles in it.
export function fit(section, room, calm, alerts) {
  const style = getComputedStyle(room);
  const width = room.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = room.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  const found = plan(calm, alerts, width, height);
  const key = JSON.stringify(found);
  if (section.dataset.plan === key) return;
  section.dataset.plan = key;
  section.dataset.wide = String(found.wide);
  section.style.gridTemplateColumns = `repeat(${found.columns}, minmax(0, ${found.width}px))`;
  section.style.gridAutoRows = `${found.height}px`;
  section.style.fontSize = `${Math.min(14 * found.scale, 24)}px`;
}
