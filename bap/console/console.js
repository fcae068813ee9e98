// Reads the platform's API again and again and repaints only what has changed, so that focus and reading place stay.

import { get, keepReading, paint as painted, say } from "./connection.js";
import { clockText } from "./elements.js";
import { billView, contractsView, headView, liveView, needText, notesView, offersView, spokenText, termsView } from "./views.js";

const part = (id) => document.getElementById(id);

const known = { search: null, contracts: [], readings: [], readingsKey: "", invoice: null, invoiceKey: "" };
let chosenId = null;
let showAll = false;
let clock = null;

async function refresh() {
  const [{ searches }, { contracts }, time] = await Promise.all([get("searches"), get("contracts"), get("trade-time")]);
  clock = { trade: Date.parse(time.trade_time), read: performance.now(), speed: time.speed };
  known.contracts = contracts;
  await refreshOffers(searches[0]);
  await refreshChosen(chosen());
}

async function refreshOffers(newest) {
  const seen = known.search;
  if (!newest) known.search = null;
  else if (!seen || seen.search_id !== newest.search_id || seen.answers !== newest.answers) known.search = await get(`searches/${encodeURIComponent(newest.search_id)}`);
}

async function refreshChosen(contract) {
  if (!contract) return;
  const base = `contracts/${encodeURIComponent(contract.contract_id)}`;
  const readingsKey = `${contract.contract_id} ${contract.live?.measured_at}`;
  if (contract.live && readingsKey !== known.readingsKey) {
    known.readings = (await get(`${base}/readings`)).readings;
    known.readingsKey = readingsKey;
  }
  const invoiceKey = `${contract.contract_id} ${contract.invoice?.number}`;
  if (invoiceKey === known.invoiceKey) return;
  // An invoice that can not be had is told in its place and not asked for again until the page is opened anew.
  known.invoice = contract.invoice ? await get(`${base}/invoice`).catch((error) => ({ problem: error.message })) : null;
  known.invoiceKey = invoiceKey;
}

// The one that was clicked; else the newest that runs; else the newest that came to something; else the newest.
function chosen() {
  const all = known.contracts;
  const tests = [(one) => one.contract_id === chosenId, (one) => one.stage === "ACTIVE", (one) => one.stage !== "NEW", () => true];
  return tests.map((test) => all.find(test)).find(Boolean) ?? null;
}

const paint = (id, facts, build) => painted(part(id), facts, build);

function paintAll() {
  const { search, contracts } = known;
  say("need", search ? needText(search.intent) : "");
  paint("offers", [search, showAll], () => offersView(search, showAll));
  const contract = chosen();
  paint("contracts", [contracts.map(({ live, alerts, ...rest }) => rest), contract?.contract_id], () => contractsView(contracts, contract?.contract_id));
  part("contract").hidden = !contract;
  if (!contract) return;
  const { live, updated_at: _, ...rest } = contract;
  const ours = (key) => key.startsWith(`${contract.contract_id} `);
  paint("contract-head", [rest.contract_id, rest.stage, rest.state, rest.error], () => headView(contract));
  paint("contract-notes", [rest.alerts, rest.error, rest.cancellation, rest.pending], () => notesView(contract));
  const readings = ours(known.readingsKey) ? known.readings : [];
  paint("live", [live, rest.stage, rest.energy_wh, rest.contract_id, readings.length], () => liveView(contract, readings));
  paint("terms", [rest.quote, rest.payment, rest.consent, rest.order_id, rest.support, rest.stage], () => termsView(contract));
  const invoice = ours(known.invoiceKey) ? known.invoice : null;
  paint("bill", [invoice], () => billView(invoice));
  say("spoken", spokenText(contract));
}

function tick() {
  if (!clock) return;
  say("clock", clockText(new Date(clock.trade + (performance.now() - clock.read) * clock.speed)));
  part("speed").hidden = clock.speed === 1;
  say("speed", `${clock.speed} × real time`);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "more") showAll = !showAll;
  else if (button.dataset.contract) chosenId = button.dataset.contract;
  paintAll();
  if (button.dataset.contract) readNow();
});

const readNow = keepReading(refresh, paintAll);
setInterval(tick, 250);
