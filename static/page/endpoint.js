// Endpoint of the WebSocket API.

/**
 * The WebSocket URL to connect to, as a URL object.
 *
 * `?endpoint=` in the page's own URL wins over the `websocketUrl` in `config.json` beside it.
 * Throws an Error whose message is meant for the reader of the page.
 */
export async function findEndpoint(page) {
  const override = new URL(page).searchParams.get("endpoint");
  if (override !== null) return checked(override, page, "?endpoint= in this page's address");
  return checked(await configured(), page, "websocketUrl in config.json");
}

async function configured() {
  const response = await fetch("config.json", { cache: "no-cache" }).catch(() => null);
  const config = response?.ok ? await response.json().catch(() => null) : null;
  if (config === null) {
    throw new Error(
      "config.json, which names the server, could not be read. " +
        "Reload the page, or add ?endpoint=wss://… to its address.",
    );
  }
  return config.websocketUrl;
}

function checked(text, page, source) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "ws:" && url?.protocol !== "wss:") {
    throw new Error(
      `“${text}” (${source}) is not a WebSocket address: it must begin with wss:// or ws://.`,
    );
  }
  if (url.protocol === "ws:" && new URL(page).protocol === "https:") {
    throw new Error(
      `“${text}” (${source}) must begin with wss://, since this page was loaded over https.`,
    );
  }
  url.hash = "";
  return url;
}
