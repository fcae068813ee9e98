// The console's frame: which view the address names, reading it again and again, and painting its parts.

import { get, getIfAllowed, keepReading, paint, query, say, whoAmI } from "./connection.js";
import { batteryView } from "./battery.js";
import { alertsView, telemetryView, ticketView, ticketsView } from "./care.js";
import { dispatchView } from "./commands.js";
import { clockText, el } from "./elements.js";
import { calendarView, fleetView } from "./fleet.js";
import { contractView, contractsView } from "./trades.js";

const part = (id) => document.getElementById(id);

// Each view: a title, ``read`` which asks the API, and ``parts`` which are [id, facts, build] in their order.
const VIEWS = [
  [/^fleet$/, fleetView],
  [/^batteries\/([^/]+)$/, batteryView],
  [/^calendar$/, calendarView],
  [/^contracts$/, contractsView],
  [/^contracts\/([^/]+)$/, contractView],
  [/^dispatch$/, dispatchView],
  [/^alerts$/, alertsView],
  [/^telemetry$/, telemetryView],
  [/^tickets$/, ticketsView],
  [/^tickets\/([^/]+)$/, ticketView],
];

const ALERTS_COUNTED = 100;
const session = { role: "viewer", account: "" };
let open = null;
let clock = null;
let readNow = () => {};

const mayOperate = () => session.role === "operator" || session.role === "admin";

function addressed() {
  const [path, words = ""] = location.hash.replace(/^#\/?/, "").split("?");
  for (const [pattern, view] of VIEWS) {
    const found = pattern.exec(path);
    if (found) return { view, path, id: found[1] ? decodeURIComponent(found[1]) : null, values: new URLSearchParams(words) };
  }
  return { view: fleetView, path: "fleet", id: null, values: new URLSearchParams() };
}

// ``change`` puts values into the address, so that the way back and a reload lead to the same view.
function change(values) {
  const next = new URLSearchParams(open.values);
  for (const [name, value] of Object.entries(values)) value ? next.set(name, value) : next.delete(name);
  history.replaceState(null, "", `#/${open.path}${next.size ? `?${next}` : ""}`);
  open.values = next;
  readNow();
}

function enter({ focus }) {
  const next = addressed();
  const isOther = !open || open.view !== next.view || open.id !== next.id;
  open = isOther ? { ...next, data: null, local: {}, width: 0 } : { ...open, ...next };
  for (const link of document.querySelectorAll("nav a")) {
    const isHere = next.path.split("/")[0].replace("batteries", "fleet") === link.hash.slice(2);
    isHere ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  if (!isOther) return;
  part("view").className = `stack ${open.view.layout ?? ""}`;
  part("view").replaceChildren(el("h1", { id: "title", tabindex: "-1" }, open.view.title(open)));
  document.title = `${open.view.title(open)} – operator’s console`;
  if (focus) part("title").focus();
  window.scrollTo(0, 0);
}

async function refresh() {
  const here = open;
  const [time, alerts, data] = await Promise.all([
    get("trade-time"), getIfAllowed(`alerts${query({ limit: ALERTS_COUNTED })}`), here.view.read(here),
  ]);
  clock = { trade: Date.parse(time.trade_time), read: performance.now(), speed: time.speed };
  const openAlerts = alerts?.alerts.length ?? 0;
  part("alert-count").hidden = !openAlerts;
  say("alert-count", openAlerts === ALERTS_COUNTED ? `${openAlerts}+` : String(openAlerts));
  part("alerts-link").setAttribute("aria-label", openAlerts ? `Alerts, ${part("alert-count").textContent} open` : "Alerts");
  // Meanwhile another view may have been opened.
  if (here.view === open.view && here.id === open.id) open.data = data;
}

function paintAll() {
  const view = part("view");
  if (!open.data) return;
  open.width = Math.floor(view.clientWidth);
  const wanted = open.view.parts(open, { change, again: () => readNow(), mayOperate: mayOperate() });
  for (const [id, facts, build] of wanted) {
    let node = part(id);
    if (!node) view.append(node = el("section", { id }));
    paint(node, [facts, open.width], build);
    node.hidden = node.childElementCount === 0;
  }
  if (open.view.named) {
    const title = open.view.named(open);
    say("title", title);
    document.title = `${title} – operator’s console`;
  }
}

function tick() {
  if (!clock) return;
  say("clock", clockText(new Date(clock.trade + (performance.now() - clock.read) * clock.speed)));
  part("speed").hidden = clock.speed === 1;
  say("speed", `${clock.speed} × real time`);
}

async function introduce() {
  Object.assign(session, await whoAmI());
  say("provider", (await get(`overview${query({ limit: 1 })}`)).provider);
  // What the alerts' stream tells is read at once; without it every change shows a little later.
  new EventSource("api/v1/alerts/stream").addEventListener("alert", () => readNow());
  say("who", mayOperate() ? `${session.account}, ${session.role}.` : `${session.account}, ${session.role}: this role only reads.`);
}

async function refreshAll() {
  if (!session.account) await introduce();
  await refresh();
}

window.addEventListener("hashchange", () => { enter({ focus: true }); readNow(); });
window.addEventListener("resize", () => paintAll());
enter({ focus: false });
readNow = keepReading(refreshAll, paintAll);
setInterval(tick, 250);
