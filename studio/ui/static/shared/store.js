// This browser's memory. It may be full or forbidden; the page works without it.

export function read(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`studio.${key}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function write(key, value) {
  try {
    localStorage.setItem(`studio.${key}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function forget(key) {
  try {
    localStorage.removeItem(`studio.${key}`);
  } catch {
    // where nothing can be kept nothing has to go
  }
}
