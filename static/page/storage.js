// Storages of the browser, or their stand-ins.

/** The value under a name, or ""; a browser that blocks site data throws on every use. */
export function recall(storage, name) {
  try {
    return window[storage].getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** Keeps a value under a name, an empty one by forgetting it. */
export function remember(storage, name, value) {
  try {
    if (value === "") window[storage].removeItem(name);
    else window[storage].setItem(name, value);
  } catch {
    // Nothing is lost but the convenience.
  }
}

/** This tab's storage, or one that lives as long as the page. */
export function tabStorage() {
  try {
    return window.sessionStorage;
  } catch {
    const items = new Map();
    return {
      getItem: (name) => items.get(name) ?? null,
      setItem: (name, value) => items.set(name, value),
    };
  }
}
