// The fleet: what all batteries do, a map and a list of them, and what is free on which day.

import { get, query } from "./connection.js";
import { dayHead, fleetMap, freeCell } from "./charts.js";
import { ageText, chip, count, el, empty, kw, percent, shortDayText, table } from "./elements.js";

export const DOING = {
  charging: ["Charging", "good"], returning: ["Giving back", "back"], resting: ["Resting", ""],
  stale: ["Stale", "warn"], lost: ["Not heard", "bad"], never: ["Never heard", "bad"],
};
const PAGE = 100;
const DAY_MS = 86400000;

export const doingChip = (one) => chip(...(DOING[one.doing] ?? [one.doing, ""]));

export const batteryLink = (id, name = id) => el("a", { href: `#/batteries/${encodeURIComponent(id)}` }, name);

export const fleetView = {
  title: () => "Fleet",
  layout: "beside",
  read: ({ values }) => get(`overview${query({ show: values.get("show"), search: values.get("search"), limit: PAGE, offset: values.get("offset") })}`),
  parts: ({ data, values, width }, { change }) => [
    ["fleet-sums", [data.totals, values.get("show")], () => tiles(data.totals, values.get("show") ?? "", change)],
    ["fleet-search", [], () => searchField(values, change)],
    ["fleet-map", [data.batteries.map(({ battery_id, doing, in_service, place }) => [battery_id, doing, in_service, place])], () => mapCard(data.batteries, width >= 960 ? (width - 20) * 0.32 : width)],
    ["fleet-list", [data.batteries, data.matching, values.get("offset")], () => listCard(data, values, change)],
  ],
};

function tiles(totals, shown, change) {
  const tile = (key, name, number, more = null) => {
    const button = el("button", { id: `show-${key || "all"}`, type: "button", class: `tile ${key}`, "aria-pressed": String(shown === key) },
      el("span", {}, name), el("strong", {}, count(number)), el("small", {}, more ?? ""));
    button.addEventListener("click", () => change({ show: shown === key ? "" : key, offset: "" }));
    return button;
  };
  const sums = [
    tile("", "Batteries", totals.batteries),
    tile("charging", "Charging", totals.charging, kw(totals.charge_w)),
    tile("returning", "Giving back", totals.returning, kw(totals.discharge_w)),
    tile("resting", "Resting", totals.resting),
  ];
  // What is well needs no place here.
  const care = [["stale", "Stale"], ["lost", "Not heard"], ["never", "Never heard"], ["out-of-service", "Out of service"]];
  return el("div", { class: "tiles", role: "group", "aria-label": "What the batteries do; choose which are listed" }, sums,
    care.filter(([key]) => totals[key] > 0 || shown === key).map(([key, name]) => tile(key, name, totals[key])));
}

export function searchField(values, change) {
  const input = el("input", { id: "search", type: "search", value: values.get("search") ?? "", autocomplete: "off", placeholder: "Name, id or site" });
  let timer = null;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ search: input.value.trim(), offset: "" }), 300);
  });
  return el("div", { role: "search" }, el("label", { for: "search" }, "Find a battery"), input);
}

function mapCard(batteries, width) {
  const drawing = fleetMap(batteries, width - 42);
  if (!drawing) return [];
  drawing.addEventListener("click", (event) => {
    const id = event.target.dataset?.battery;
    if (id) location.hash = `#/batteries/${encodeURIComponent(id)}`;
  });
  const keys = [["charging", "Charging"], ["returning", "Giving back"], ["resting", "Resting"], ["lost", "Needs care"]];
  return el("figure", { class: "card" }, drawing, el("figcaption", { class: "legend" }, keys.map(([key, words]) => el("span", { class: `key dot-${key}` }, words))));
}

function socCell(one) {
  const level = el("div");
  level.style.width = `${Math.max(0, Math.min(100, Number(one.soc_percent ?? 0)))}%`;
  return [el("strong", {}, percent(one.soc_percent)), el("div", { class: Number(one.soc_percent) < 15 ? "bar low" : "bar", "aria-hidden": "true" }, level)];
}

function listCard(data, values, change) {
  if (!data.batteries.length) return el("div", { class: "card" }, empty(data.totals.batteries ? "No battery is like that." : "No battery in this fleet yet. docs/connect-a-battery.md says how the first one comes in."));
  const heads = [["Battery"], ["Does"], ["State of charge", "soc"], ["Power", "number"], ["Heard", "number"]];
  const rows = data.batteries.map((one) => ({
    cells: [
      [batteryLink(one.battery_id, one.name), el("small", {}, [one.battery_id, one.site_id].filter(Boolean).join(" · "))],
      [doingChip(one), one.in_service ? null : chip("Out of service", "warn"), one.is_doubted ? chip("Doubted", "warn") : null],
      socCell(one), kw(one.power_w), one.age_s === null ? "–" : ageText(one.age_s)],
  }));
  const from = Number(values.get("offset") ?? 0);
  const caption = data.matching > data.batteries.length ? `${from + 1} to ${from + data.batteries.length} of ${count(data.matching)}` : `${count(data.matching)} ${data.matching === 1 ? "battery" : "batteries"}`;
  return el("div", { class: "card" }, table("fleet", caption, heads, rows), pages("batteries", from, PAGE, data.matching, change));
}

function pages(id, from, size, all, change) {
  if (all <= size) return null;
  const turn = (words, offset, possible) => {
    const button = el("button", { id: `${id}-${words.toLowerCase()}`, type: "button", disabled: !possible }, words);
    button.addEventListener("click", () => change({ offset: offset > 0 ? String(offset) : "" }));
    return button;
  };
  return el("div", { class: "actions more" }, turn("Previous", from - size, from > 0), turn("Next", from + size, from + size < all));
}

// -- what is free on which day --------------------------------------------------------------------------------------

export function midnight(time) {
  const day = new Date(time);
  day.setHours(0, 0, 0, 0);
  return day;
}

export const daysShown = () => (window.innerWidth < 700 ? 6 : 14);

export async function readNowTime() {
  return Date.parse((await get("trade-time")).trade_time);
}

export const calendarView = {
  title: () => "Capacity calendar",
  async read({ values }) {
    const start = midnight(values.get("from") ? new Date(values.get("from")) : await readNowTime());
    const until = new Date(start.getTime() + daysShown() * DAY_MS);
    return get(`calendar${query({ from: start.toISOString(), until: until.toISOString(), search: values.get("search"), offset: values.get("offset") })}`);
  },
  parts: ({ data, values }, { change }) => [
    ["calendar-days", [data.start, data.end], () => dayButtons(data, change)],
    ["calendar-search", [], () => searchField(values, change)],
    ["calendar-table", [data.batteries, data.start, data.matching, values.get("offset")], () => calendarCard(data, values, change)],
  ],
};

function dayButtons(data, change) {
  const span = Date.parse(data.end) - Date.parse(data.start);
  const turn = (id, words, by) => {
    const button = el("button", { id, type: "button" }, words);
    button.addEventListener("click", () => change({ from: by ? new Date(Date.parse(data.start) + by).toISOString() : "" }));
    return button;
  };
  return el("div", { class: "actions" }, turn("days-back", "Earlier", -span), turn("days-now", "Today", 0), turn("days-on", "Later", span),
    el("p", { class: "muted" }, `${shortDayText(data.start)} – ${shortDayText(Date.parse(data.end) - 1)}`));
}

function calendarCard(data, values, change) {
  if (!data.batteries.length) return el("div", { class: "card" }, empty("No battery is like that."));
  const days = data.batteries[0].slots.map((slot) => slot.start);
  return el("div", { class: "card" },
    el("table", { class: "calendar" },
      el("caption", {}, "Percent of a battery’s energy that is free all day. What is sold, held for a quote or taken out for maintenance is not."),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Battery"), days.map(dayHead))),
      el("tbody", {}, data.batteries.map((one) => el("tr", {}, el("th", { scope: "row" }, batteryLink(one.battery_id, one.name), one.in_service ? null : el("small", {}, "out of service")),
        one.slots.map((slot) => freeCell(slot, one.energy_wh, shortDayText(slot.start))))))),
    pages("calendar", Number(values.get("offset") ?? 0), 50, data.matching, change));
}
