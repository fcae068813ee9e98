// What needs somebody: alerts, the state of telemetry, and tickets.

import { get, query, send } from "./connection.js";
import { action } from "./dialogs.js";
import { ageText, chip, count, el, empty, fact, momentText, note, table, windowText } from "./elements.js";
import { batteryLink } from "./fleet.js";

// -- alerts ---------------------------------------------------------------------------------------------------------

const KINDS = {
  "stale-data": ["Not heard", "warn"], "soc-low": ["Charge too low", "bad"], "soc-high": ["Charge too high", "bad"],
  late: ["Behind its plan", "warn"], "over-temperature": ["Too hot", "bad"], "missed-set-point": ["Does not obey", "bad"],
};

export const alertsView = {
  title: () => "Alerts",
  read: ({ values }) => get(`alerts${query({ state: values.get("state"), limit: 200 })}`),
  parts: ({ data, values }, { change, again, mayOperate }) => [
    ["alert-states", [values.get("state")], () => choice("Which alerts", [["", "Open"], ["all", "All"]], values.get("state") ?? "", (state) => change({ state }))],
    ["alerts", [data.alerts, mayOperate], () => el("div", { class: "card" }, data.alerts.length ? alertsTable(data.alerts, mayOperate, again) : note("No alert is open. All is well."))],
  ],
};

// Buttons of which one is pressed.
function choice(label, options, shown, choose) {
  const buttons = options.map(([key, words]) => {
    const button = el("button", { id: `state-${key || "first"}`, type: "button", "aria-pressed": String(key === shown) }, words);
    button.addEventListener("click", () => choose(key));
    return button;
  });
  return el("div", { class: "actions pressed", role: "group", "aria-label": label }, buttons);
}

function alertState(one) {
  if (one.cleared_at) return [chip("Over", "good"), el("small", {}, momentText(one.cleared_at))];
  return one.acknowledged_at ? [chip("Seen to"), el("small", {}, one.acknowledged_by)] : chip("Raised", "bad");
}

export function alertsTable(alerts, allowed, again) {
  const acknowledge = (one) => action(`seen-${one.alert_id}`, "I see to it", {
    allowed, again, title: "Do you see to this alert?", confirm: "I see to it", done: "The alert is yours.", words: [one.sentence, "It stays until its cause is over, and the others see that somebody cares."],
    act: () => send("POST", `alerts/${encodeURIComponent(one.alert_id)}/acknowledge`, {}),
  });
  return table("alerts", "The newest first.", [["Alert"], ["State"], ["Battery"], ["Since"], ["What is the matter", "full"], ["", "full"]], alerts.map((one) => ({
    cells: [chip(...(KINDS[one.kind] ?? [one.kind, "warn"])), alertState(one), batteryLink(one.battery_id), momentText(one.raised_at),
      [one.sentence, one.contract_id ? [" ", el("a", { href: `#/contracts/${encodeURIComponent(one.contract_id)}` }, "Its contract")] : null].flat(),
      one.acknowledged_at ? "" : acknowledge(one)],
  })));
}

// -- telemetry ------------------------------------------------------------------------------------------------------

const HEALTH_EVERY_MS = 8000;
const QUALITY = { fresh: "good", stale: "warn", suspect: "warn", lost: "bad", never: "bad" };

export const telemetryView = {
  title: () => "Telemetry",
  async read({ local, data }) {
    if (data && performance.now() - local.readAt < HEALTH_EVERY_MS) return data;
    const read = await get("telemetry/health?only=problems");
    local.readAt = performance.now();
    return read;
  },
  parts: ({ data }, { again, mayOperate }) => [
    ["sources", [data.sources], () => sourcesCard(data.sources)],
    ["problems", [data.batteries.map(({ battery_id, problems }) => [battery_id, problems])], () => problemsCard(data.batteries)],
    ["set-aside", [data.set_aside, data.set_aside_without_room, mayOperate], () => asideCard(data, mayOperate, again)],
  ],
};

function sourcesCard(sources) {
  const card = (content) => el("div", { class: "card" }, el("h2", {}, "Sources that are read from here"), content);
  if (!sources.length) return card(empty("None: batteries or their agents send by themselves."));
  return card(table("sources", "Brokers and devices of the settings.", [["Source"], ["Stands"], ["Last sample"], ["What is wrong"]], sources.map((one) => ({
    cells: [[one.name, el("small", {}, `${one.kind} · ${one.address}`)], chip(one.state, one.state === "connected" ? "good" : "bad"),
      one.last_sample_received_at ? momentText(one.last_sample_received_at) : "none yet",
      one.problems.length ? one.problems.map((each) => el("p", {}, each.detail)) : "nothing"],
  }))));
}

function problemsCard(batteries) {
  const card = (content) => el("div", { class: "card" }, el("h2", {}, "Batteries"), content);
  if (!batteries.length) return card(note("Every battery is heard, and nothing that it says is doubted."));
  return card(table("problems", `${count(batteries.length)} with something to look at, in the last day of trade time.`, [["Battery"], ["Stands"], ["Heard", "number"], ["What is wrong", "full"]], batteries.map((one) => ({
    cells: [batteryLink(one.battery_id), chip(one.state, QUALITY[one.state] ?? ""), one.age_s === null ? "never" : ageText(one.age_s),
      one.problems.map((each) => el("p", {}, each.detail, each.times_seen > 1 ? el("small", {}, `${count(each.times_seen)} times, last on ${momentText(each.last_at)}`) : null))],
  }))));
}

function asideCard(data, allowed, again) {
  if (!data.set_aside.length && !data.set_aside_without_room) return [];
  const rows = data.set_aside.map((one, index) => ({
    cells: [batteryLink(one.battery_id), [String(one.count), el("small", {}, windowText({ start: one.first_at, end: one.last_at }))], one.detail,
      action(`replay-${index}`, "Take in again", {
        allowed, again, title: `Take ${one.count} samples of ${one.battery_id} in again?`, confirm: "Take in again", done: "The samples were taken in again.",
        words: [one.detail, "Mend the cause first: what still can not be taken is set aside again."],
        fields: [{ name: "shift_s", label: "Seconds to add to their times", kind: "number", value: "0", hint: "For a clock that was wrong; 0 leaves the times as they are." }],
        act: ({ shift_s: shift }) => send("POST", "telemetry/set-aside/replay", { battery_id: one.battery_id, shift_s: Number(shift) }),
      })],
  }));
  return el("div", { class: "card" }, el("h2", {}, "Set aside"),
    data.set_aside_without_room ? note(`${count(data.set_aside_without_room)} samples could not be kept: there was no room.`, "bad") : null,
    table("aside", "Samples that could not be taken. Nothing of them is lost.", [["Battery"], ["Samples"], ["Why", "full"], ["", "full"]], rows));
}

// -- tickets --------------------------------------------------------------------------------------------------------

const STATES = { open: "warn", answered: "good", closed: "" };
const ticketPath = (id) => `tickets/${encodeURIComponent(id)}`;

export const ticketsView = {
  title: () => "Tickets",
  read: ({ values }) => get(`tickets${query({ state: values.get("state"), limit: 200 })}`),
  parts: ({ data, values }, { change, again, mayOperate }) => [
    ["ticket-states", [values.get("state"), mayOperate], () => stateButtons(values.get("state") ?? "", change, mayOperate, again)],
    ["tickets", [data.tickets], () => ticketsCard(data.tickets)],
  ],
};

function stateButtons(shown, change, allowed, again) {
  const states = [["", "All"], ["open", "Open"], ["answered", "Answered"], ["closed", "Closed"]];
  return el("div", { class: "actions" }, choice("Which tickets", states, shown, (state) => change({ state })), action("new-ticket", "New ticket", {
    allowed, again, title: "A new ticket", confirm: "Open the ticket", done: "The ticket is open.",
    fields: [
      { name: "kind", label: "About", options: [["issue", "An issue"], ["maintenance", "Maintenance"], ["question", "A question"], ["document-request", "A document"]] },
      { name: "subject", label: "In a few words", maxlength: 200 }, { name: "battery_id", label: "Battery", optional: true, hint: "Its id, if it is about one." },
      { name: "text", label: "Message", rows: 4 },
    ],
    act: ({ battery_id: id, ...rest }) => send("POST", "tickets", id ? { ...rest, battery_id: id } : rest),
  }));
}

function ticketsCard(tickets) {
  if (!tickets.length) return el("div", { class: "card" }, empty("No ticket."));
  return el("div", { class: "card" }, table("tickets", "The latest first.", [["Subject"], ["State"], ["About"], ["Battery"], ["Changed"]], tickets.map((one) => ({
    cells: [el("a", { href: `#/${ticketPath(one.ticket_id)}` }, one.subject), chip(one.state, STATES[one.state] ?? ""), one.kind, one.battery_id ? batteryLink(one.battery_id) : "–", momentText(one.updated_at)],
  }))));
}

export const ticketView = {
  title: () => "Ticket",
  named: ({ data }) => data.subject,
  read: ({ id }) => get(ticketPath(id)),
  parts: ({ data }, { again, mayOperate }) => [
    ["ticket", [data], () => ticketCard(data)],
    ["ticket-actions", [data.state, data.maintenance, mayOperate], () => ticketActions(data, mayOperate, again)],
  ],
};

function ticketCard(one) {
  return el("div", { class: "card stack" },
    el("div", { class: "title-row" }, chip(one.state, STATES[one.state] ?? ""), el("span", { class: "muted" }, [one.kind, one.bap_id].filter(Boolean).join(" · ")),
      one.battery_id ? batteryLink(one.battery_id) : null, one.contract_id ? el("a", { href: `#/contracts/${encodeURIComponent(one.contract_id)}` }, `Contract ${one.contract_id.slice(0, 8)}`) : null),
    one.maintenance ? el("dl", { class: "facts" }, fact("Out of the book", windowText(one.maintenance), "long")) : null,
    el("ol", { class: "talk" }, one.notes.map((each) => el("li", { class: each.side }, each.text, el("small", {}, `${each.name || each.side}, ${momentText(each.at)}`)))));
}

function ticketActions(one, allowed, again) {
  if (one.state === "closed") return [];
  return el("div", { class: "card" }, el("div", { class: "actions" },
    action("answer", "Answer", {
      allowed, again, style: "first", title: "Answer this ticket", confirm: "Send", done: "The answer is sent.", fields: [{ name: "text", label: "Answer", rows: 5 }],
      act: (values) => send("POST", `${ticketPath(one.ticket_id)}/notes`, values),
    }),
    one.maintenance ? action("end-maintenance", "End the maintenance", {
      allowed, again, title: "Is the maintenance over?", confirm: "End the maintenance", words: ["The battery is in the capacity book again, from now on."], done: "The maintenance is over.",
      act: () => send("DELETE", `${ticketPath(one.ticket_id)}/maintenance`),
    }) : null,
    action("close", "Close", {
      allowed, again, title: "Close this ticket?", confirm: "Close the ticket", words: one.maintenance ? ["This ends its maintenance too."] : [], done: "The ticket is closed.",
      act: () => send("PUT", `${ticketPath(one.ticket_id)}/state`, { state: "closed" }),
    })));
}
