// Commanding batteries by hand: a set-point for a while, and the emergency stop that stands until it is released.

import { get, getIfAllowed, query, send } from "./connection.js";
import { action } from "./dialogs.js";
import { chip, el, empty, hourText, kw, kwh, momentText, note, table, windowText } from "./elements.js";
import { batteryLink } from "./fleet.js";

const ALL = "*";
const BY = { "emergency-stop": "Emergency stop", operator: "By hand", contracts: "Contracts" };
const DO = { charge: "Charge", "give-back": "Give back", return: "Give back", hold: "Hold" };
const stopPath = (id) => `stops/${encodeURIComponent(id)}`;
const ofFleet = (id) => (id === ALL ? "the whole fleet" : id);

// What is commanded and stopped now.
export const readCommands = async () => (await getIfAllowed("setpoints")) ?? { setpoints: [], stops: [] };

export const commandOf = (commands, id) => ({
  told: commands.setpoints.find((one) => one.battery_id === id) ?? null,
  stops: commands.stops.filter((one) => one.battery_id === id || one.battery_id === ALL),
});

function powerText(powerW) {
  if (powerW === 0) return "stay at rest";
  return powerW > 0 ? `charge at ${kw(powerW)}` : `give back ${kw(-powerW)}`;
}

// -- one battery ----------------------------------------------------------------------------------------------------

export function commandNotes({ told, stops }) {
  const notes = stops.map((one) => note(`Emergency stop of ${ofFleet(one.battery_id)} by ${one.stopped_by}: ${one.reason}`, "bad"));
  if (told && told.by !== "emergency-stop") notes.push(note(`${BY[told.by] ?? told.by}: it is told to ${powerText(told.power_w)}${told.measured_w === null ? "" : `, and does ${kw(told.measured_w)}`}.`));
  if (told?.problem) notes.push(note(told.problem, "bad"));
  if (told?.agent?.outcome === "refused") notes.push(note(`Its agent refused: ${told.agent.detail}`, "bad"));
  return notes;
}

export function commandActions(battery, { told, stops }, allowed, again) {
  const id = battery.battery_id;
  const isByHand = told?.by === "operator";
  return [
    isByHand ? action("withdraw", "Take the set-point back", {
      allowed, again, title: `Take the set-point of ${battery.name} back?`, confirm: "Take it back", done: "The set-point is taken back.",
      words: ["The battery does again what its contracts want, or is left to its own control."], act: () => send("DELETE", `setpoints/${encodeURIComponent(id)}`),
    }) : setPoint(battery, allowed, again),
    stops.some((one) => one.battery_id === id) ? release(id, battery.name, allowed, again) : stop(id, battery.name, allowed, again),
  ];
}

function setPoint(battery, allowed, again) {
  return action("set-point", "Dispatch", {
    allowed, again, title: `Dispatch ${battery.name} by hand`, confirm: "Send the set-point", done: "The set-point is sent.",
    words: ["This goes before its contracts for the time that you name: what they miss is yours. Then they command it again."],
    fields: [
      { name: "does", label: "The battery shall", options: [["1", `charge, up to ${kw(battery.charge_power_w)}`], ["-1", `give back, up to ${kw(battery.discharge_power_w)}`], ["0", "stay at rest"]] },
      { name: "kilowatts", label: "Power in kW", kind: "number", min: 0, step: 0.001, value: "10" },
      { name: "minutes", label: "For how many minutes", kind: "number", min: 1, step: 1, value: "15", hint: "Minutes of the clock on the wall." },
    ],
    act: ({ does, kilowatts, minutes }) => send("PUT", `setpoints/${encodeURIComponent(battery.battery_id)}`, { power_w: Number(does) * Math.round(Number(kilowatts) * 1000), for_s: Number(minutes) * 60 }),
  });
}

function stop(id, name, allowed, again) {
  return action(id === ALL ? "stop-all" : "stop", id === ALL ? "Stop the whole fleet" : "Emergency stop", {
    allowed, again, style: "stop", danger: true, title: `Stop ${name}?`, confirm: id === ALL ? "Stop all batteries" : "Stop it now", done: "The emergency stop stands.",
    words: ["It is told at once to give and take no power, whatever its contracts want, until you release the stop."],
    fields: [{ name: "reason", label: "Why?", maxlength: 500 }],
    act: ({ reason }) => send("POST", "stops", { battery_id: id, reason }),
  });
}

function release(id, name, allowed, again) {
  return action(id === ALL ? "release-all" : "release", id === ALL ? "Release the whole fleet" : "Release the stop", {
    allowed, again, style: "first", title: `Release the stop of ${name}?`, confirm: "Release the stop", done: "The stop is released.",
    words: ["From now on it does again what it has to do: it may start at once."], act: () => send("DELETE", stopPath(id)),
  });
}

// -- all of them ----------------------------------------------------------------------------------------------------

const HOURS_AHEAD = 24;

export const dispatchView = {
  title: () => "Dispatch",
  async read() {
    const start = Date.parse((await get("trade-time")).trade_time);
    const window = { from: new Date(start).toISOString(), until: new Date(start + HOURS_AHEAD * 3600000).toISOString() };
    const [commands, plan, manual] = await Promise.all([readCommands(), getIfAllowed(`dispatch${query(window)}`), getIfAllowed(`dispatch/instructions${query(window)}`)]);
    return { commands, now: start, plan: planned(plan?.schedules ?? []), manual: manual?.instructions ?? [] };
  },
  parts: ({ data }, { again, mayOperate }) => [
    ["stops", [data.commands.stops, mayOperate], () => stopsCard(data.commands.stops, mayOperate, again)],
    ["commanded", [data.commands.setpoints], () => commandedCard(data.commands.setpoints)],
    ["manual", [data.manual], () => manualCard(data.manual)],
    ["plan", [data.plan.map(({ start, ...rest }) => [rest, Date.parse(start) <= data.now + 1000 || start])], () => planCard(data.plan, data.now)],
  ],
};

function stopsCard(stops, allowed, again) {
  const rows = stops.map((one) => ({
    cells: [one.battery_id === ALL ? "The whole fleet" : batteryLink(one.battery_id), one.reason, [one.stopped_by, el("small", {}, momentText(one.stopped_at))],
      one.battery_id === ALL ? "" : el("a", { href: `#/batteries/${encodeURIComponent(one.battery_id)}` }, "Open it to release")],
  }));
  const isStopped = stops.some((one) => one.battery_id === ALL);
  return el("div", { class: "card stack" }, el("h2", {}, "Emergency stops"),
    stops.length ? table("stops", "They stand until they are released.", [["What"], ["Why", "full"], ["By"], [""]], rows) : el("p", { class: "muted" }, "Nothing is stopped."),
    el("div", { class: "actions" }, isStopped ? release(ALL, "the whole fleet", allowed, again) : stop(ALL, "the whole fleet", allowed, again)));
}

function commandedCard(setpoints) {
  const card = (content) => el("div", { class: "card" }, el("h2", {}, "Told now"), content);
  if (!setpoints.length) return card(empty("No battery is told anything now: each is left to its own control."));
  const heads = [["Battery"], ["Is told to"], ["By"], ["Does", "number"], ["How it goes", "full"]];
  return card(table("commanded", "Set-points, each repeated before its battery returns to its own control.", heads, setpoints.map((one) => ({
    cells: [batteryLink(one.battery_id), powerText(one.power_w), BY[one.by] ?? one.by, kw(one.measured_w),
      one.problem ? chip(one.problem, "bad") : one.missed_since ? chip(`Missed since ${hourText(one.missed_since)}`, "warn") : chip("Well", "good")],
  }))));
}

function manualCard(instructions) {
  if (!instructions.length) return [];
  const heads = [["Battery"], ["Do"], ["When"], ["Energy", "number"], ["Contract"]];
  return el("div", { class: "card" }, el("h2", {}, "To be done by hand"), table("manual", "Contracts with manual dispatch: what is not delivered is paid for.", heads, instructions.map((one) => ({
    cells: [[batteryLink(one.battery_id), " ", one.is_due ? chip("Now", "warn") : null], `${DO[one.do] ?? one.do} at ${kw(one.power_w)}`, windowText(one.window), kwh(one.energy_wh),
      el("a", { href: `#/contracts/${encodeURIComponent(one.contract_id)}` }, one.contract_id.slice(0, 8))],
  }))));
}

// The intervals in which there is something to do, by time.
function planned(schedules) {
  const busy = schedules.flatMap((one) => one.intervals.filter((each) => each.charge_w || each.discharge_w).map((each) => ({ battery_id: one.battery_id, ...each })));
  return busy.sort((left, right) => Date.parse(left.start) - Date.parse(right.start) || left.battery_id.localeCompare(right.battery_id));
}

function planCard(plan, now) {
  const card = (content) => el("div", { class: "card" }, el("h2", {}, "Planned"), content);
  if (!plan.length) return card(empty(`The contracts have no battery do anything in the next ${HOURS_AHEAD} hours.`));
  return card(table("planned", `What the contracts have the batteries do in the next ${HOURS_AHEAD} hours.`, [["Battery"], ["Does"], ["From"], ["Until"]], plan.map((one) => ({
    cells: [batteryLink(one.battery_id), [one.charge_w ? chip(`Charge ${kw(one.charge_w)}`, "good") : null, one.discharge_w ? chip(`Give back ${kw(one.discharge_w)}`, "back") : null],
      Date.parse(one.start) <= now + 1000 ? chip("Now", "good") : momentText(one.start), momentText(one.end)],
  }))));
}
