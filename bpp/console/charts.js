// Drawings of the operator's console: a battery's day with plan and facts, what is free when, and where batteries are.

import { el, hourText, kw, percent, shortDayText, svg } from "./elements.js";

const LEFT = 46;
const RIGHT = 6;
const SOC_HEIGHT = 190;
const POWER_HEIGHT = 170;
const HOUR_MS = 3600 * 1000;
const ms = (text) => Date.parse(text);

// Steps that are further apart are no course: meanwhile the battery was not heard.
const gapMs = (day) => Math.max(2 * day.step_s, day.fresh_s) * 1000 + 60000;

// The x of a time, for a drawing of that width.
function across(day, width) {
  const [begin, end] = [ms(day.start), ms(day.end)];
  return (time) => LEFT + ((time - begin) / (end - begin)) * (width - LEFT - RIGHT);
}

function hours(day, width, height, x, labelled) {
  const every = width < 520 ? 6 : 3;
  const marks = [];
  for (let time = ms(day.start); time <= ms(day.end); time += every * HOUR_MS) {
    marks.push(svg("line", { class: "grid", x1: x(time), x2: x(time), y1: 0, y2: height }));
    const anchor = time === ms(day.start) ? "start" : time === ms(day.end) ? "end" : "middle";
    if (labelled) marks.push(svg("text", { class: "axis", x: x(time), y: height + 16, "text-anchor": anchor }, hourText(time)));
  }
  return marks;
}

function levels(values, y, width, words) {
  return values.flatMap((value) => [
    svg("line", { class: value === 0 ? "grid zero" : "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { class: "axis", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, words(value))]);
}

// Points as one path that breaks where nothing was heard.
function line(points, gap = Infinity) {
  return points.map(([time, x, y], index) => `${index === 0 || time - points[index - 1][0] > gap ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function chargeDrawing(day, width) {
  const x = across(day, width);
  const y = (value) => 8 + (1 - value / 100) * (SOC_HEIGHT - 12);
  const facts = day.facts.filter((one) => one.soc_percent !== null).map((one) => [ms(one.start), x(ms(one.start)), y(Number(one.soc_percent))]);
  const expected = day.expected.map((one) => [ms(one.at), x(ms(one.at)), y(Number(one.soc_percent))]);
  const [low, high] = [Number(day.soc_min_percent), Number(day.soc_max_percent)];
  return svg("svg", { class: "day", viewBox: `0 0 ${width} ${SOC_HEIGHT}`, width, height: SOC_HEIGHT, role: "img", "aria-label": chargeWords(day) },
    svg("rect", { class: "band", x: LEFT, width: width - LEFT - RIGHT, y: y(high), height: y(low) - y(high) }),
    hours(day, width, SOC_HEIGHT, x, false), levels([0, 25, 50, 75, 100], y, width, (value) => (value % 50 ? "" : `${value} %`)),
    svg("path", { class: "plan-line", d: line(expected) }), svg("path", { class: "fact-line", d: line(facts, gapMs(day)) }),
    lone(facts, gapMs(day)), marker(day, x, SOC_HEIGHT, "charge-at"));
}

// A single fact between silences would be a line of no length.
function lone(points, gap) {
  return points.filter(([time], index) => !(points[index + 1]?.[0] - time <= gap) && !(time - points[index - 1]?.[0] <= gap))
    .map(([, x, y]) => svg("circle", { class: "fact-dot", cx: x, cy: y, r: 2.5 }));
}

function chargeWords(day) {
  const told = day.facts.filter((one) => one.soc_percent !== null);
  if (!told.length) return "State of charge: nothing measured";
  return `State of charge: from ${percent(told[0].soc_percent)} at ${hourText(told[0].start)} to ${percent(told.at(-1).soc_percent)} at ${hourText(told.at(-1).start)}`;
}

function niceStep(span) {
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

function powerDrawing(day, width) {
  const x = across(day, width);
  const measured = day.facts.filter((one) => one.power_w !== null);
  const most = Math.max(1000, ...day.plan.map((one) => one.charge_w), ...measured.map((one) => one.power_w));
  const least = Math.min(0, ...day.plan.map((one) => -one.discharge_w), ...measured.map((one) => one.power_w));
  const step = niceStep(most - least);
  const [top, bottom] = [Math.ceil(most / step) * step, Math.floor(least / step) * step];
  const y = (value) => 8 + ((top - value) / (top - bottom)) * (POWER_HEIGHT - 14);
  const ticks = Array.from({ length: Math.round((top - bottom) / step) + 1 }, (_, index) => bottom + index * step);
  const height = POWER_HEIGHT;
  const plans = day.plan.flatMap((one) => [[one.charge_w, 1], [one.discharge_w, -1]].filter(([power]) => power > 0).map(([power, sign]) =>
    svg("rect", { class: sign > 0 ? "plan-in" : "plan-out", x: x(ms(one.start)), width: x(ms(one.end)) - x(ms(one.start)), y: Math.min(y(0), y(sign * power)), height: Math.abs(y(0) - y(sign * power)) })));
  const facts = measured.map((one) => [ms(one.start), x(ms(one.start)), y(one.power_w)]);
  return svg("svg", { class: "day", viewBox: `0 0 ${width} ${height + 22}`, width, height: height + 22, role: "img", "aria-label": "Power, planned and measured; the table below has the values" },
    plans, hours(day, width, height, x, true), levels(ticks, y, width, (value) => kw(value).replace(" kW", "")),
    svg("path", { class: "fact-line", d: line(facts, gapMs(day)) }), lone(facts, gapMs(day)), marker(day, x, height, "power-at"));
}

// Now, and the time that is looked at.
function marker(day, x, height, id) {
  const now = ms(day.trade_time);
  const isToday = now > ms(day.start) && now < ms(day.end);
  return [
    isToday ? svg("line", { class: "now", x1: x(now), x2: x(now), y1: 0, y2: height }) : null,
    svg("line", { class: "looked-at", id, x1: -9, x2: -9, y1: 0, y2: height })];
}

export function dayDrawing(day, width) {
  return el("figure", { class: "stack tight" },
    el("p", { class: "legend" },
      el("span", { class: "key fact" }, "Measured"), el("span", { class: "key plan" }, "Expected by plan"),
      el("span", { class: "key in" }, "Planned charging"), el("span", { class: "key out" }, "Planned return")),
    el("h3", {}, "State of charge"), chargeDrawing(day, width),
    el("h3", {}, "Power in kW: charging above zero, giving back below"), powerDrawing(day, width));
}

// Moves the mark of the time that is looked at.
export function lookAt(day, width, time) {
  const place = across(day, width)(time);
  for (const id of ["charge-at", "power-at"]) {
    const mark = document.getElementById(id);
    mark?.setAttribute("x1", place);
    mark?.setAttribute("x2", place);
  }
}

// What plan and facts say of a time: a sentence.
export function wordsAt(day, time) {
  const fact = day.facts.findLast((one) => ms(one.start) <= time);
  const known = fact && time - ms(fact.start) < gapMs(day) ? fact : null;
  const plan = day.plan.find((one) => ms(one.start) <= time && time < ms(one.end));
  const planned = plan && plan.charge_w ? `charge at ${kw(plan.charge_w)}` : plan && plan.discharge_w ? `give back ${kw(plan.discharge_w)}` : "rest";
  const measured = known ? `${percent(known.soc_percent)}, ${kw(known.power_w)} measured` : "nothing measured";
  const level = expectedAt(day.expected, time);
  return `${hourText(time)}: ${measured}${known?.is_doubted ? " (doubted)" : ""}; plan: ${planned}${level === null ? "" : `, ${percent(level.toFixed(1))}`}.`;
}

export function expectedAt(course, time) {
  const next = course.findIndex((one) => ms(one.at) >= time);
  if (next < 0 || !course.length) return null;
  if (next === 0) return ms(course[0].at) === time ? Number(course[0].soc_percent) : null;
  const [from, to] = [course[next - 1], course[next]];
  const share = (time - ms(from.at)) / (ms(to.at) - ms(from.at));
  return Number(from.soc_percent) + share * (Number(to.soc_percent) - Number(from.soc_percent));
}

// A table's cell that tells how much of a battery is free: darker is fuller of room.
export function freeCell(slot, wholeWh, label) {
  const share = wholeWh > 0 ? Math.min(slot.energy_wh / wholeWh, 1) : 0;
  const shown = Math.round(share * 100);
  return el("td", { class: `free f${Math.ceil(share * 4)}`, title: `${label}: ${shown} % free` }, String(shown));
}

export const dayHead = (text) => el("th", { scope: "col" }, shortDayText(text));

// Where the batteries of the list are: north is up, one degree is as long both ways as it is there.
export function fleetMap(batteries, width) {
  const places = batteries.map((one) => ({ one, lat: Number(one.place.latitude), lon: Number(one.place.longitude) }));
  if (places.length < 2) return null;
  const [lats, lons] = [places.map((each) => each.lat), places.map((each) => each.lon)];
  const narrow = Math.cos((Math.PI / 180) * ((Math.min(...lats) + Math.max(...lats)) / 2));
  const spread = [(Math.max(...lons) - Math.min(...lons)) * narrow, Math.max(...lats) - Math.min(...lats)];
  const height = Math.max(160, Math.min(320, width * 0.45));
  const scale = Math.min((width - 48) / (spread[0] || 1e-6), (height - 48) / (spread[1] || 1e-6));
  const middle = [(Math.max(...lons) + Math.min(...lons)) / 2, (Math.max(...lats) + Math.min(...lats)) / 2];
  const dots = places.map(({ one, lat, lon }) => {
    const [x, y] = [width / 2 + (lon - middle[0]) * narrow * scale, height / 2 - (lat - middle[1]) * scale];
    return svg("circle", { class: `dot ${one.in_service ? one.doing : "out-of-service"}`, cx: x.toFixed(1), cy: y.toFixed(1), r: places.length > 60 ? 4 : 7, "data-battery": one.battery_id },
      svg("title", {}, `${one.name}: ${percent(one.soc_percent)}`));
  });
  return svg("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `Where these ${places.length} batteries are; the list below names them` }, ...dots);
}
