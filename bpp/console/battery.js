// One battery: how it stands now, its day with plan and facts, what is free of it, and what can be done with it.

import { get, getIfAllowed, query, send } from "./connection.js";
import { dayDrawing, expectedAt, freeCell, lookAt, wordsAt } from "./charts.js";
import { action, localText, utcText } from "./dialogs.js";
import { ageText, battery, chip, dayText, el, empty, fact, flowText, hourText, kw, kwh, momentText, note, percent, shortDayText, table, windowText } from "./elements.js";
import { daysShown, midnight, readNowTime } from "./fleet.js";
import { alertsTable } from "./care.js";
import { commandActions, commandNotes, commandOf, readCommands } from "./commands.js";

const HEALTH_EVERY_MS = 15000;
const DAY_MS = 86400000;
const BLOCK_S = 14400;

// Health looks at the whole fleet: it is asked less often than the rest.
async function health(local, id) {
  if (!local.healthAt || performance.now() - local.healthAt > HEALTH_EVERY_MS) {
    local.health = (await getIfAllowed(`telemetry/health${query({ battery_id: id })}`))?.batteries[0] ?? null;
    local.healthAt = performance.now();
  }
  return local.health;
}

function dayWindow(values, now) {
  const start = midnight(values.get("day") ? `${values.get("day")}T00:00` : now);
  const next = midnight(new Date(start.getTime() + 1.5 * DAY_MS));
  return { from: start.toISOString(), until: next.toISOString() };
}

export const batteryView = {
  title: ({ id }) => id,
  named: ({ data }) => data.battery.name,
  async read({ id, values, local }) {
    const one = encodeURIComponent(id);
    const now = await readNowTime();
    const today = midnight(now);
    const days = { from: today.toISOString(), until: new Date(today.getTime() + daysShown() * DAY_MS).toISOString(), step_s: BLOCK_S, battery_id: id };
    const [known, day, calendar, measuring, alerts, commands] = await Promise.all([
      get(`batteries/${one}`), get(`batteries/${one}/day${query(dayWindow(values, now))}`), get(`calendar${query(days)}`),
      health(local, id), getIfAllowed(`alerts${query({ battery_id: id })}`), readCommands(),
    ]);
    return { battery: known, day, calendar, health: measuring, alerts: alerts?.alerts ?? [], command: commandOf(commands, id) };
  },
  parts: ({ data, local, width, values }, { change, again, mayOperate }) => [
    ["battery-now", [data.battery, data.health, data.command], () => nowCard(data)],
    ["battery-actions", [data.battery.in_service, data.command, mayOperate], () => actionsCard(data, mayOperate, again)],
    ["battery-alerts", [data.alerts, mayOperate], () => (data.alerts.length ? el("div", { class: "card" }, el("h2", {}, "Alerts"), alertsTable(data.alerts, mayOperate, again)) : [])],
    ["battery-day", [{ ...data.day, trade_time: Math.floor(Date.parse(data.day.trade_time) / 120000) }], () => dayCard(data.day, width, local, change)],
    ["battery-look", [data.day.start, width, local.isChosen ? null : Math.floor(Date.parse(data.day.trade_time) / 300000)], () => lookField(data.day, width, local)],
    ["battery-hours", [data.day.facts.length, data.day.plan, data.day.start], () => hoursTable(data.day)],
    ["battery-free", [data.calendar.batteries, data.calendar.start], () => freeCard(data.calendar)],
    ["battery-booked", [data.battery.bookings], () => bookedCard(data.battery.bookings)],
    ["battery-facts", [data.battery], () => specification(data.battery)],
  ],
};

function nowCard({ battery: one, health: measuring, command }) {
  const latest = one.latest;
  const problems = (measuring?.problems ?? []).map((each) => note(each.detail, each.problem === "stale" ? "" : "bad"));
  return el("div", { class: "card stack" },
    el("div", { class: "title-row" }, el("p", { class: "muted" }, [one.battery_id, one.site_id, one.chemistry].filter(Boolean).join(" · ")), one.in_service ? chip("In service", "good") : chip("Out of service", "warn")),
    commandNotes(command), battery(latest?.soc_percent, latest ? flowText(latest.power_w) : "Nothing heard yet"),
    el("dl", { class: "facts" },
      fact("Heard", measuring?.age_s === null || !measuring ? "never" : `${ageText(measuring.age_s)}${measuring.state === "fresh" ? "" : `, ${measuring.state}`}`),
      fact("Can be sold", kwh(Math.floor(one.energy_nominal_wh * Number(one.soh) * (Number(one.soc_max) - Number(one.soc_min) - Number(one.soc_reserve))))),
      fact("Taken in, all time", kwh(latest?.energy_in_wh)), fact("Given back, all time", kwh(latest?.energy_out_wh)),
      latest?.temperature_c === null || latest?.temperature_c === undefined ? null : fact("Temperature", `${latest.temperature_c} °C`)),
    problems);
}

function actionsCard(data, mayOperate, again) {
  const one = data.battery;
  const path = `batteries/${encodeURIComponent(one.battery_id)}`;
  const service = one.in_service
    ? action("take-out", "Take out of service", {
      allowed: mayOperate, again, title: `Take ${one.name} out of service?`, confirm: "Take out of service", danger: true, done: `${one.name} is out of service.`,
      words: ["It is offered to nobody any more. What is sold already goes on: cancel contracts one by one if it can not."],
      act: () => send("PUT", `${path}/state`, { state: "out-of-service" }),
    })
    : action("put-back", "Put back into service", {
      allowed: mayOperate, again, title: `Put ${one.name} back into service?`, confirm: "Put back into service", done: `${one.name} is in service.`,
      words: ["It is offered again from now on."], act: () => send("PUT", `${path}/state`, { state: "in-service" }),
    });
  return el("div", { class: "card" }, el("h2", { class: "sr" }, "What to do"),
    el("div", { class: "actions" }, commandActions(one, data.command, mayOperate, again), service, maintenance(one, data.day.trade_time, mayOperate, again)));
}

function maintenance(one, now, allowed, again) {
  const quarter = 900000;
  const start = new Date(Math.ceil(Date.parse(now) / quarter) * quarter + 4 * quarter);
  return action("plan-maintenance", "Plan maintenance", {
    allowed, again, title: `Maintenance of ${one.name}`, confirm: "Plan it", done: "The maintenance is planned; it has a ticket.",
    words: ["The battery is sold to nobody in this time. It is only taken where nothing is booked."],
    fields: [
      { name: "subject", label: "What is done?", maxlength: 200 },
      { name: "start", label: "From", kind: "datetime-local", step: 900, value: localText(start) },
      { name: "end", label: "To", kind: "datetime-local", step: 900, value: localText(new Date(start.getTime() + 8 * quarter)) },
    ],
    async act({ subject, start: from, end }) {
      const ticket = await send("POST", "tickets", { kind: "maintenance", subject, text: subject, battery_id: one.battery_id });
      const ticketPath = `tickets/${encodeURIComponent(ticket.ticket_id)}`;
      try {
        await send("PUT", `${ticketPath}/maintenance`, { start: utcText(from), end: utcText(end), battery_id: one.battery_id });
      } catch (error) {
        // A ticket for a maintenance that is not taken would only be in the way.
        await send("PUT", `${ticketPath}/state`, { state: "closed" });
        throw error;
      }
    },
  });
}

// -- the day --------------------------------------------------------------------------------------------------------

function dayCard(day, width, local, change) {
  local.day = day;
  const turn = (id, words, days) => {
    const button = el("button", { id, type: "button" }, words);
    button.addEventListener("click", () => {
      local.isChosen = false;
      change({ day: days === 0 ? "" : localText(new Date(Date.parse(day.start) + (days + 0.5) * DAY_MS)).slice(0, 10) });
    });
    return button;
  };
  const drawing = dayDrawing(day, drawingWidth(width));
  requestAnimationFrame(() => local.at && lookAt(day, drawingWidth(width), local.at));
  return el("div", { class: "card" },
    el("div", { class: "head" }, el("h2", {}, dayText(day.start)), el("div", { class: "actions" }, turn("day-back", "Day before", -1), turn("day-now", "Today", 0), turn("day-on", "Day after", 1))),
    day.facts.length ? null : note("Nothing was measured on this day."), drawing);
}

const drawingWidth = (width) => width - (window.innerWidth < 768 ? 34 : 42);

function lookField(day, width, local) {
  const [begin, end] = [Date.parse(day.start), Date.parse(day.end)];
  const now = Date.parse(day.trade_time);
  // Until somebody chooses a time, it is now, or the middle of another day.
  if (!local.isChosen || local.at < begin || local.at > end) local.at = now > begin && now < end ? now : (begin + end) / 2;
  requestAnimationFrame(() => lookAt(day, drawingWidth(width), local.at));
  const output = el("output", { for: "look", id: "look-words" }, wordsAt(day, local.at));
  const input = el("input", { id: "look", type: "range", min: 0, max: Math.round((end - begin) / 300000), value: Math.round((local.at - begin) / 300000) });
  input.addEventListener("input", () => {
    local.isChosen = true;
    local.at = begin + Number(input.value) * 300000;
    lookAt(local.day, drawingWidth(width), local.at);
    output.textContent = wordsAt(local.day, local.at);
    input.setAttribute("aria-valuetext", output.textContent);
  });
  input.setAttribute("aria-valuetext", output.textContent);
  return el("div", { class: "card" }, el("label", { for: "look" }, "Look at a time of this day"), input, output);
}

// The same day in numbers, for who can not see drawings, and for copying.
function hoursTable(day) {
  const rows = [];
  for (let time = Date.parse(day.start); time < Date.parse(day.end); time += 3600000) {
    const here = day.facts.filter((one) => Date.parse(one.start) >= time && Date.parse(one.start) < time + 3600000);
    const plan = day.plan.find((one) => Date.parse(one.start) <= time && time < Date.parse(one.end));
    const level = expectedAt(day.expected, time);
    const sum = (name) => here.reduce((total, one) => total + one[name], 0);
    rows.push({ cells: [hourText(time), here.length ? percent(here.at(-1).soc_percent) : "–", level === null ? "–" : percent(level.toFixed(1)),
      plan ? kw(plan.charge_w - plan.discharge_w) : "–", here.length ? kwh(sum("energy_in_wh")) : "–", here.length ? kwh(sum("energy_out_wh")) : "–"] });
  }
  const heads = [["Hour"], ["Measured", "number"], ["Expected", "number"], ["Planned power", "number"], ["Taken in", "number"], ["Given back", "number"]];
  return el("details", { class: "card" }, el("summary", {}, "This day in numbers"), table("hours", "State of charge at the end of the hour as measured, and at its beginning as expected by plan.", heads, rows));
}

// -- what is free and booked ------------------------------------------------------------------------------------------

function freeCard(calendar) {
  const one = calendar.batteries[0];
  if (!one) return [];
  const days = new Map();
  for (const slot of one.slots) {
    const key = new Date(slot.start).toDateString();
    days.set(key, [...(days.get(key) ?? []), slot]);
  }
  const blocks = [...days.values()][0];
  return el("div", { class: "card" },
    el("table", { class: "calendar blocks" },
      el("caption", {}, "Percent of its energy that is free, four hours at a time."),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "From"), [...days.values()].map(([first]) => el("th", { scope: "col" }, shortDayText(first.start))))),
      el("tbody", {}, blocks.map((block, index) => el("tr", {}, el("th", { scope: "row" }, hourText(block.start)),
        [...days.values()].map((slots) => (slots[index] ? freeCell(slots[index], one.energy_wh, momentText(slots[index].start)) : el("td"))))))));
}

function bookedCard(bookings) {
  const card = (content) => el("div", { class: "card" }, el("h2", {}, "Booked"), content);
  if (!bookings.length) return card(empty("Nothing is booked from now on."));
  const heads = [["Contract"], ["Energy in store", "number"], ["Charging"], ["Return"], ["Until"]];
  return card(table("bookings", "Contracts, quotes that are held, and maintenance.", heads, bookings.map((one) => ({
    cells: [el("a", { href: `#/contracts/${encodeURIComponent(one.contract_id)}` }, one.contract_id.slice(0, 8)), kwh(one.stored_wh),
      `${windowText(one.charge)}, ${kw(one.charge.power_w)}`, `${windowText(one.giveback)}, ${kw(one.giveback.power_w)}`,
      one.hold_until ? `held until ${momentText(one.hold_until)}` : "committed"],
  }))));
}

function specification(one) {
  return el("details", { class: "card" }, el("summary", {}, "What this battery is"),
    el("dl", { class: "facts" },
      fact("Nameplate", kwh(one.energy_nominal_wh)), fact("Charges with", kw(one.charge_power_w)), fact("Gives back with", kw(one.discharge_power_w)),
      fact("State of health", percent(Number(one.soh) * 100)), fact("Used from", percent(Number(one.soc_min) * 100)), fact("Used to", percent(Number(one.soc_max) * 100)),
      fact("Efficiency in", percent(Number(one.efficiency_charge) * 100)), fact("Efficiency out", percent(Number(one.efficiency_discharge) * 100)),
      fact("Modes", one.modes.join(", ")), fact("Place", `${one.place.latitude}, ${one.place.longitude}`), fact("Meter", one.meter_address, "long"), fact("Tariff", one.tariff.tariff_id, "long")));
}
