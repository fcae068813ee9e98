// What is sold: the contracts, and one of them.

import { get, query, send } from "./connection.js";
import { action } from "./dialogs.js";
import { ageText, bar, battery, chip, dayText, el, empty, fact, flowText, kw, kwh, money, momentText, note, plain, table, windowText } from "./elements.js";
import { batteryLink } from "./fleet.js";

const STATES = {
  "transaction-quoted": "Quoted", "transaction-initiated": "Terms given", "transaction-confirmed": "Confirmed",
  "transaction-not-started": "Not started", "transaction-in-progress": "Charging", "transaction-updated": "Changed",
  "transaction-cancelled": "Cancelled", "transaction-holding": "In store", "transaction-returning": "Returning",
  "transaction-completed": "Returned", "transaction-settled": "Settled", "transaction-failed": "Failed",
};
const LINES = {
  STORAGE_CAPACITY_CHARGE: "Capacity", STORAGE_THROUGHPUT_CHARGE: "Throughput", POWER_CHARGE: "Power",
  PLATFORM_CHARGE: "Platform", WHEELING_CHARGE: "Wheeling", IMBALANCE_PENALTY: "Imbalance penalty",
  RTE_ADJUSTMENT: "Efficiency adjustment", AVAILABILITY_CREDIT: "Availability credit",
  CANCELLATION_FEE: "Cancellation fee", DISCOUNT: "Discount", ROUNDING: "Rounding",
};

function stateChip(contract) {
  const kind = contract.stage === "CANCELLED" ? "warn" : contract.state === "transaction-failed" ? "bad" : contract.state === "transaction-returning" ? "back" : contract.stage === "ACTIVE" ? "good" : "";
  return chip(STATES[contract.state] ?? contract.stage, kind);
}

const contractLink = (one) => el("a", { href: `#/contracts/${encodeURIComponent(one.contract_id)}` }, one.contract_id.slice(0, 8));

// -- all of them ----------------------------------------------------------------------------------------------------

export const contractsView = {
  title: () => "Contracts",
  read: () => get(`contracts${query({ limit: 200 })}`),
  parts: ({ data }) => [["contracts", [data.contracts], () => contractsCard(data.contracts)]],
};

function contractsCard(contracts) {
  if (!contracts.length) return el("div", { class: "card" }, empty("Nothing is sold yet. Contracts appear here when a producer confirms."));
  const heads = [["Contract"], ["Stands at"], ["Battery"], ["Energy", "number"], ["Charging"], ["Return"], ["Price", "number"]];
  return el("div", { class: "card" }, table("contracts", "The latest first.", heads, contracts.map((one) => ({
    cells: [[contractLink(one), el("small", {}, one.bap_id)], [stateChip(one), one.undelivered ? chip("Not delivered", "bad") : null], batteryLink(one.battery_id),
      kwh(one.energy_wh), windowText(one.charge), windowText(one.giveback), money(one.quote.total, one.quote.currency)],
  }))));
}

// -- one of them ----------------------------------------------------------------------------------------------------

export const contractView = {
  title: () => "Contract",
  named: ({ id }) => `Contract ${id.slice(0, 8)}`,
  async read({ id, local }) {
    local.reasons ??= (await get("cancellation-reasons")).reasons.filter((one) => one.cancelled_by.includes("PROVIDER"));
    return get(`contracts/${encodeURIComponent(id)}`);
  },
  parts: ({ data, local }, { again, mayOperate }) => [
    ["contract-now", [data], () => nowCard(data)],
    ["contract-actions", [data.stage, local.reasons, mayOperate], () => actionsCard(data, local.reasons, mayOperate, again)],
    ["contract-price", [data.quote, data.invoice], () => priceCard(data)],
    ["contract-facts", [data.contract_id, data.consent, data.created_at, data.updated_at, data.payment_report], () => factsCard(data)],
  ],
};

function nowCard(one) {
  const live = one.live;
  const notes = [one.undelivered ? note(`A message did not arrive: ${one.undelivered}`, "bad") : null,
    one.cancellation ? note(`Cancelled by the ${one.cancellation.cancelled_by === "CONSUMER" ? "producer" : "operator"} on ${momentText(one.cancellation.time)}: ${one.cancellation.reason || "no reason given"}.`) : null];
  return el("div", { class: "card stack" },
    el("div", { class: "title-row" }, stateChip(one), batteryLink(one.battery_id), el("span", { class: "muted" }, `${one.bap_id} · ${one.mode}`)), notes,
    live ? battery(live.soc_percent, flowText(live.power_w)) : null,
    live ? bar("Taken in", `${kwh(live.energy_in_wh)} of ${kwh(one.energy_wh)}`, live.energy_in_wh / one.energy_wh) : null,
    live ? bar("Given back", `${kwh(live.energy_out_wh)} of ${kwh(one.giveback_wh)}`, live.energy_out_wh / one.giveback_wh) : null,
    el("dl", { class: "facts" },
      live ? fact("In store for it", kwh(live.stored_for_order_wh)) : null, live ? fact("Lost so far", kwh(live.losses_wh)) : null,
      live ? fact("Measured", `${ageText(live.age_s)}${live.quality === "fresh" ? "" : `, ${live.quality}`}`) : null,
      fact("Charging", `${windowText(one.charge)}, ${kw(one.charge.power_w)}`, "long"), fact("Return", `${windowText(one.giveback)}, ${kw(one.giveback.power_w)}`, "long")));
}

function actionsCard(one, reasons, allowed, again) {
  if (one.stage !== "ACTIVE") return [];
  return el("div", { class: "card" }, el("div", { class: "actions" }, action("cancel-contract", "Cancel this contract", {
    allowed, again, danger: true, title: "Cancel this contract?", confirm: "Cancel the contract", done: "The contract is cancelled.",
    words: ["The producer is told at once, and what was metered so far is settled. This can not be undone."],
    fields: [{ name: "reason_id", label: "Reason", options: reasons.map((each) => [each.reason_id, each.text]) }, { name: "reason", label: "In your words", optional: true, maxlength: 500 }],
    act: (values) => send("POST", `contracts/${encodeURIComponent(one.contract_id)}/cancel`, values),
  })));
}

function priceCard({ quote, invoice }) {
  const rate = (line) => (line.quantity === null || line.rate === null ? "" : line.unit === "%" ? `${plain(line.rate)} % of ${plain(line.quantity)}` : `${plain(line.quantity)} ${line.unit} × ${plain(line.rate)}`);
  return el("div", { class: "card" },
    invoice ? el("p", {}, "Invoice ", el("a", { href: invoice.url, rel: "noreferrer" }, invoice.number), `, ${money(invoice.total, invoice.currency)}, due on ${dayText(invoice.due_at)}.`) : null,
    el("table", { class: "lines" }, el("caption", {}, "Agreed price"),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "What for"), el("th", { scope: "col", class: "number" }, "Amount"))),
      el("tbody", {}, quote.lines.map((line) => el("tr", {}, el("th", { scope: "row" }, LINES[line.title] ?? line.title, el("small", {}, rate(line))), el("td", { class: "number" }, money(line.amount, quote.currency))))),
      el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Total"), el("td", { class: "number" }, money(quote.total, quote.currency))))));
}

function factsCard(one) {
  const paid = one.payment_report;
  return el("details", { class: "card" }, el("summary", {}, "About this contract"), el("dl", { class: "facts" },
    fact("Contract", one.contract_id, "long"), fact("Transaction", one.transaction_id, "long"),
    fact("Made", one.created_at ? momentText(one.created_at) : "–"), fact("Changed", one.updated_at ? momentText(one.updated_at) : "–"),
    fact("Consent", one.consent?.given_at ? momentText(one.consent.given_at) : "not given"),
    fact("Reported as paid", paid ? `${money(paid.amount, paid.currency)}, ${paid.reference}` : "no")));
}
