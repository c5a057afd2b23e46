// What this browser remembers. One without storage forgets at the next reload; nothing worse.

export function recall(key) {
  try {
    return localStorage.getItem(key) || "";
  } catch {
    return "";
  }
}

export function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // forgotten at the next reload
  }
}
