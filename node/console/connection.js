// Talks to the platform's JSON API: reads again and again, repaints only what has changed, and changes with the session's token.

const EVERY_MS = 2500;
const TIMEOUT_MS = 15000;
let session = null;

async function answerOf(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS), headers: { Accept: "application/json", ...options.headers } })
    .catch(() => { throw Object.assign(new Error("The platform can not be reached. What you see may be old."), { status: 0 }); });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail || `The platform answered ${response.status}.`), { status: response.status });
}

export const get = (path) => answerOf(`api/v1/${path}`);

// The same, and null where the caller's role does not reach.
export const getIfAllowed = (path) => get(path).catch((error) => {
  if (error.status === 403) return null;
  throw error;
});

// Who is logged in: account, role and the token that changes carry. Read once.
export async function whoAmI() {
  session ??= await answerOf("console/session");
  return session;
}

export async function send(method, path, content) {
  const { csrf } = await whoAmI();
  const headers = { "Content-Type": "application/json", ...(csrf ? { "X-CSRF-Token": csrf } : {}) };
  return answerOf(`api/v1/${path}`, { method, headers, body: content === undefined ? undefined : JSON.stringify(content) });
}

export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

// Puts new content into a node when the facts behind it have changed; focus stays on the element of the same id.
export function paint(node, facts, build) {
  const key = JSON.stringify(facts);
  if (node.paintedFrom === key) return;
  const focused = node.contains(document.activeElement) ? document.activeElement.id : "";
  node.replaceChildren(...[build()].flat().filter(Boolean));
  node.paintedFrom = key;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

export function say(id, text) {
  const node = document.getElementById(id);
  if (node.textContent !== text) node.textContent = text;
}

// Calls ``refresh`` again and again while the page is looked at; ``after`` paints, whether it went well or not.
export function keepReading(refresh, after) {
  let timer = null;
  let running = null;
  const notice = document.getElementById("notice");

  async function once() {
    try {
      await refresh();
      notice.hidden = true;
      say("fresh", "Up to date.");
    } catch (error) {
      notice.hidden = false;
      say("notice", error.status === 401 ? "You are not logged in any more. Log in again to go on." : error.message);
      say("fresh", "");
      // What is no answer of the platform is a mistake of ours, and belongs into the browser's log.
      if (error.status === undefined) throw error;
    }
    after();
  }

  async function now() {
    while (running) await running;
    running = once().finally(() => {
      running = null;
      clearTimeout(timer);
      timer = setTimeout(cycle, EVERY_MS);
    });
    await running;
  }

  async function cycle() {
    if (!document.hidden) await now();
  }

  // Shown again, the page reads at once.
  document.addEventListener("visibilitychange", cycle);
  cycle();
  return now;
}
