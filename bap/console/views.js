// What the page shows: each function makes the elements of one part from the API's JSON.

import { course, strip } from "./drawing.js";
import { ageText, bar, battery, dayText, el, fact, flowText, km, kwh, momentText, money, percent, plain, windowText } from "./elements.js";

const STAGES = [["SELECTED", "Quoted"], ["INITIALISED", "Terms"], ["ACTIVE", "Running"], ["COMPLETE", "Complete"]];
const STATES = {
  "transaction-quoted": "Quoted", "transaction-initiated": "Terms given", "transaction-confirmed": "Confirmed",
  "transaction-not-started": "Not started", "transaction-in-progress": "Charging", "transaction-updated": "Changed",
  "transaction-cancelled": "Cancelled", "transaction-holding": "In store", "transaction-returning": "Returning",
  "transaction-completed": "Returned", "transaction-settled": "Settled", "transaction-failed": "Failed",
};
const UNTOLD = "not told";
const UNITS = {
  "per-kWh-month": "per kWh and month", "per-kWh-stored": "per kWh stored", "per-kWh-discharged": "per kWh returned",
  "per-kW-month": "per kW and month", flat: "flat",
};
const LINES = {
  STORAGE_CAPACITY_CHARGE: "Capacity", STORAGE_THROUGHPUT_CHARGE: "Throughput", POWER_CHARGE: "Power",
  PLATFORM_CHARGE: "Platform", WHEELING_CHARGE: "Wheeling", IMBALANCE_PENALTY: "Imbalance penalty",
  RTE_ADJUSTMENT: "Efficiency adjustment", AVAILABILITY_CREDIT: "Availability credit",
  CANCELLATION_FEE: "Cancellation fee", DISCOUNT: "Discount", ROUNDING: "Rounding",
};
const PAYMENTS = {
  "PRE-ORDER": "with the order", "PRE-FULFILLMENT": "before charging", "ON-FULFILLMENT": "while stored",
  "POST-FULFILLMENT": "after the return",
};
const PRICES = { ACTIVE: "Agreed price", COMPLETE: "Price", CANCELLED: "Price" };
const OFFERS_SHOWN = 6;

export function stateText(contract) {
  if (contract.stage === "NEW") return contract.error ? "No quote" : "Asking for a quote";
  return STATES[contract.state] ?? contract.stage;
}

export function needText(intent) {
  const parts = [kwh(intent.energy_wh)];
  if (intent.charge) parts.push(`in ${windowText(intent.charge)}`);
  if (intent.giveback) parts.push(`back ${windowText(intent.giveback)}`);
  if (intent.radius_m) parts.push(`within ${km(intent.radius_m)}`);
  return parts.join(" · ");
}

export function offersView(search, showAll) {
  if (!search) return [el("p", { class: "empty" }, "No search yet. What your app searches for appears here.")];
  if (search.error) return [el("p", { class: "note bad" }, search.error.message)];
  if (!search.offers.length) return [el("p", { class: "empty" }, search.answers ? "Nobody offers what was searched for." : "Waiting for offers…")];
  const nearest = search.intent.sort === "distance";
  const shown = showAll ? search.offers : search.offers.slice(0, OFFERS_SHOWN);
  const heads = [["Battery"], ["Total for this use", "number"], ["Price model"], ["Distance", "number"], ["Efficiency", "number"], ["Comes back", "number"], ["Free over time"]];
  const table = el("table", { class: "offers cards" },
    el("caption", {}, `${search.offers.length} ${search.offers.length === 1 ? "offer" : "offers"} by ${search.answers} ${search.answers === 1 ? "platform" : "platforms"}, ${nearest ? "nearest" : "cheapest"} first. Totals include taxes.`),
    el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
    el("tbody", {}, shown.map((offer, index) => offerRow(offer, search.intent, index === 0 && offer.fits && !nearest))));
  const more = search.offers.length - OFFERS_SHOWN;
  if (more <= 0) return [table];
  return [table, el("button", { id: "more", class: "more", type: "button", "aria-expanded": String(showAll) }, showAll ? "Show fewer offers" : `Show ${more} more`)];
}

function offerRow(offer, intent, best) {
  const badge = best ? el("span", { class: "chip good" }, "Best price") : null;
  return el("tr", { class: best ? "best" : offer.fits ? null : "unfit" },
    el("th", { scope: "row" }, offer.name, " ", badge, el("small", {}, offer.provider.name || offer.provider.id), offer.reason ? el("small", {}, offer.reason) : null),
    cell("Total for this use", "number", ...totalOf(offer)),
    cell("Price model", "", ...modelOf(offer)),
    cell("Distance", "number", km(offer.distance_m)),
    cell("Efficiency", "number", offer.efficiency === null ? UNTOLD : percent(Number(offer.efficiency) * 100)),
    cell("Comes back", "number", offer.giveback_wh === null ? UNTOLD : kwh(offer.giveback_wh)),
    cell("Free over time", "full", strip(offer.profile, intent.energy_wh), el("small", {}, `${kwh(offer.free_energy_wh)} free`)));
}

// What an operator does not tell is never filled in: it is told when the offer is selected, or not at all.
function totalOf(offer) {
  if (!offer.total) return [el("span", { class: "muted" }, "Told when selected")];
  return [el("span", { class: "price" }, money(offer.total.amount, offer.total.currency)), el("small", {}, `${money(offer.cost_per_kwh, offer.total.currency)} per kWh`)];
}

function modelOf(offer) {
  if (offer.tariff) return offer.tariff.rates.map((rate) => el("small", {}, `${money(rate.price, offer.tariff.currency)} ${UNITS[rate.unit] ?? rate.unit}`));
  const price = offer.unit_price;
  return [el("small", {}, price ? `${money(price.per_kwh, price.currency)} per kWh, without further terms` : UNTOLD)];
}

function cell(label, kind, ...content) {
  return el("td", { "data-label": label, class: kind || null }, ...content);
}

export function contractsView(contracts, chosenId) {
  if (!contracts.length) return [el("p", { class: "empty" }, "No contract yet.")];
  const heads = [["Battery"], ["Stands at"], ["Energy", "number"], ["Price", "number"], ["Since"]];
  return [el("table", { class: "contracts cards" },
    el("caption", {}, "Newest first. Choose one to see it above."),
    el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
    el("tbody", {}, contracts.map((one) => el("tr", {},
      el("th", { scope: "row" },
        el("button", { id: `choose-${one.contract_id}`, class: "row", type: "button", "data-contract": one.contract_id, "aria-pressed": String(one.contract_id === chosenId) }, batteriesText(one)),
        el("small", {}, one.provider.name || one.provider.id)),
      cell("Stands at", "", chip(one)),
      cell("Energy", "number", kwh([one, ...one.others].reduce((sum, each) => sum + each.energy_wh, 0))),
      cell("Price", "number", one.order_total ? money(one.order_total.amount, one.order_total.currency) : "–"),
      cell("Since", "", momentText(one.created_at))))))];
}

function batteriesText(contract) {
  return contract.others.length ? `${contract.item_name} and ${contract.others.length} more` : contract.item_name;
}

/** The further batteries of the same order, one line each. */
function othersList(contract) {
  if (!contract.others.length) return null;
  return el("ul", { class: "others" }, contract.others.map((one) => {
    const moved = one.live ? `, ${kwh(one.live.energy_in_wh)} taken in, ${kwh(one.live.energy_out_wh)} given back` : "";
    return el("li", {}, `With ${one.item_name}: ${kwh(one.energy_wh)}, ${stateText(one)}${moved}`);
  }));
}

function chip(contract) {
  const kind = contract.error ? "bad" : contract.stage === "CANCELLED" ? "warn" : contract.stage === "ACTIVE" || contract.stage === "COMPLETE" ? "good" : "";
  return el("span", { class: `chip ${kind}` }, stateText(contract));
}

export function headView(contract) {
  const reached = STAGES.findIndex(([stage]) => stage === contract.stage);
  const steps = contract.stage === "CANCELLED" ? null : el("ol", { class: "steps", "aria-label": "Steps of the contract" },
    STAGES.map(([, name], index) => el("li", { class: index <= reached ? "done" : null, "aria-current": index === reached ? "step" : null }, name)));
  return [
    el("div", { class: "title-row" }, el("h2", { id: "contract-title" }, contract.item_name), chip(contract)),
    el("p", { class: "muted" }, `${contract.provider.name || contract.provider.id} · ${contract.mode}`),
    othersList(contract),
    steps ?? el("p", { class: "muted" }, " "),
  ];
}

export function notesView(contract) {
  const notes = contract.alerts.map((sentence) => el("p", { class: "note" }, sentence));
  if (contract.error) notes.unshift(el("p", { class: "note bad" }, contract.error.message));
  if (contract.cancellation) {
    const by = contract.cancellation.by_consumer ? "you" : "the operator";
    notes.push(el("p", { class: "note calm" }, `Cancelled by ${by}: ${contract.cancellation.reason || "no reason given"}.`));
  }
  if (contract.pending) notes.push(el("p", { class: "note calm" }, `Waiting for the operator’s answer to ${contract.pending.action}…`));
  return notes;
}

export function liveView(contract, readings) {
  const live = contract.live;
  const planned = [
    el("h3", {}, "Plan"),
    el("dl", { class: "facts" }, fact("Taken in", windowText(contract.charge)), fact("Given back", windowText(contract.giveback))),
  ];
  const moved = contract.transferred_wh === null ? null : el("p", {}, `The operator says that ${kwh(contract.transferred_wh)} of ${kwh(contract.energy_wh)} have moved.`);
  if (!live && moved) return [el("div", { class: "stack" }, ...planned, moved)];
  if (!live) return [el("div", { class: "stack" }, ...planned, el("p", { class: "muted" }, contract.stage === "ACTIVE" ? "No live values yet." : "Live values come once the contract runs."))];
  const chart = course(readings);
  return [el("div", { class: "stack" },
    battery(live.soc_percent, flowText(live.power_w)),
    bar("Taken in", `${kwh(live.energy_in_wh)} of ${kwh(contract.energy_wh)}`, live.energy_in_wh / contract.energy_wh),
    contract.giveback_wh === null ? null : bar("Given back", `${kwh(live.energy_out_wh)} of ${kwh(contract.giveback_wh)}`, live.energy_out_wh / contract.giveback_wh),
    el("dl", { class: "facts" },
      fact("In store for you", kwh(live.stored_for_order_wh)),
      fact("Lost so far", kwh(live.losses_wh)),
      fact("Measured", `${ageText(live.age_s)}${live.quality === "fresh" ? "" : `, ${live.quality}`}`)),
    chart ? el("div", {}, el("h3", {}, "State of charge so far"), chart) : null,
    ...planned)];
}

export function spokenText(contract) {
  const live = contract.live;
  if (!live) return `${contract.item_name}: ${stateText(contract)}.`;
  const soc = live.soc_percent === null ? "unknown" : `${Math.round(Number(live.soc_percent))} percent`;
  return `${contract.item_name}: ${stateText(contract)}. State of charge ${soc}.`;
}

export function termsView(contract) {
  const quote = contract.quote;
  const support = contract.support;
  const consent = !contract.consent.required ? "not needed" : contract.consent.submitted ? "given" : "needed before you confirm";
  return [el("div", { class: "stack" },
    quote ? linesTable(quote.lines, quote.total.amount, quote.total.currency, PRICES[contract.stage] ?? "Quote") : el("p", { class: "muted" }, "No quote yet."),
    el("dl", { class: "facts" },
      fact("Payment", contract.payment ? `${PAYMENTS[contract.payment.type] ?? contract.payment.type}, ${contract.payment.status === "PAID" ? "paid" : "open"}` : "–"),
      fact("Consent", consent),
      fact("Order", contract.order_id ?? "–", "long"),
      support ? fact("Support", `${support.phone}, ${support.email}`, "long") : null))];
}

export function billView(invoice) {
  if (!invoice) return [];
  if (invoice.problem) return [el("p", { class: "note bad" }, invoice.problem)];
  const { document: bill, differences } = invoice;
  const verdict = differences.length
    ? el("div", { class: "note bad" }, el("p", {}, "This invoice is not what was agreed:"), el("ul", {}, differences.map((sentence) => el("li", {}, sentence))))
    : el("p", { class: "note calm" }, "Checked: signed by the operator, and every line is what was agreed and metered.");
  const meter = bill.meter ?? {};
  return [el("div", { class: "bill" },
    el("div", { class: "head" }, el("h2", {}, `Invoice ${invoice.number}`), el("p", { class: "muted" }, `Due on ${dayText(invoice.due_at)}`)),
    verdict,
    Array.isArray(bill.lines) ? linesTable(bill.lines, bill.total, bill.currency, "Lines of the invoice") : null,
    Number.isInteger(meter.energy_in_wh) ? el("p", { class: "muted" }, `Metered in ${meter.interval_count} intervals: ${kwh(meter.energy_in_wh)} taken in, ${kwh(meter.energy_out_wh)} given back.`) : null)];
}

function linesTable(lines, total, currency, caption) {
  return el("table", { class: "lines" },
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "What for"), el("th", { scope: "col", class: "number rate" }, "Quantity × rate"), el("th", { scope: "col", class: "number" }, "Amount"))),
    el("tbody", {}, lines.map((line) => el("tr", {},
      el("th", { scope: "row" }, LINES[line.title] ?? line.title),
      el("td", { class: "number rate" }, line.quantity === null || line.rate === null ? "" : line.unit === "%" ? `${plain(line.rate)} % of ${plain(line.quantity)}` : `${plain(line.quantity)} ${line.unit} × ${plain(line.rate)}`),
      el("td", { class: "number" }, money(line.amount, currency))))),
    el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Total"), el("td", { class: "rate" }), el("td", { class: "number" }, money(total, currency)))));
}
