// Days and hours as the clock on the wall has them: the days on which it is put forward or back have 23 and 25
// hours. Times are in seconds since 1970. Pure, but for the browser's time zone.

// The same time of day so many days later, or earlier.
export function daysLater(seconds, days) {
  const date = new Date(seconds * 1000);
  date.setDate(date.getDate() + days);
  return date.getTime() / 1000;
}

export function isoDay(seconds) {
  const date = new Date(seconds * 1000);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

// When a day such as 2026-03-29 begins; NaN where that is none.
export function startOf(day) {
  return new Date(`${day}T00:00`).getTime() / 1000;
}

export function isMidnight(seconds) {
  const date = new Date(seconds * 1000);
  return date.getHours() === 0 && date.getMinutes() === 0;
}

// The moments from `from` to before `to` at which the clock on the wall shows whole multiples of `step`.
export function wholeSteps(from, to, step) {
  const behind = (at) => new Date(at * 1000).getTimezoneOffset() * 60; // UTC less the time on the wall
  const isWhole = (at) => (at - behind(at)) % step === 0;
  const found = [];
  let at = from - 1;
  while (at < to) {
    const next = (Math.floor((at - behind(at)) / step) + 1) * step + behind(at);
    const moved = next + behind(next) - behind(at); // where the clock was changed in between
    at = moved > at && isWhole(moved) ? moved : next;
    if (at < to && isWhole(at)) found.push(at); // an hour that was left out is none
  }
  return found;
}
