// Elements, numbers and small drawings. Texts of others only ever become text nodes.

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });

export const kwh = (wh) => `${number.format(wh / 1000)} kWh`;
export const kw = (w) => `${number.format(w / 1000)} kW`;
export const km = (m) => (m === null ? "–" : `${number.format(m / 1000)} km`);
export const plain = (text) => exact.format(Number(text));
export const percent = (text) => `${number.format(Number(text))} %`;
export const dayText = (text) => date.format(new Date(text));
export const clockText = (moment) => full.format(moment);
export const momentText = (text) => day.format(new Date(text));

export function money(amount, currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).format(Number(amount));
  } catch {
    return `${amount} ${currency}`;
  }
}

export function windowText({ start, end }) {
  const [from, to] = [new Date(start), new Date(end)];
  const sameDay = from.toDateString() === to.toDateString();
  return `${day.format(from)} – ${(sameDay ? hour : day).format(to)}`;
}

export function ageText(seconds) {
  if (seconds < 90) return `${seconds} s ago`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min ago` : `${number.format(seconds / 3600)} h ago`;
}

// A bar with its words; ``share`` of one.
export function bar(label, value, share) {
  const inner = el("div");
  inner.style.width = `${clamped(share) * 100}%`;
  const shown = Math.round(clamped(share) * 100);
  return el("div", {},
    el("div", { class: "bar-label" }, el("span", {}, label), el("strong", {}, value)),
    el("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuenow": shown, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuetext": value }, inner));
}

export function battery(socPercent, words) {
  const known = socPercent !== null;
  const share = known ? clamped(Number(socPercent) / 100) : 0;
  const level = el("div", { class: "level" });
  level.style.width = `${share * 100}%`;
  const shown = known ? percent(socPercent) : "unknown";
  const meter = { role: "meter", "aria-label": "State of charge", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": known ? Math.round(share * 100) : 0, "aria-valuetext": shown };
  return el("div", { class: share < 0.15 ? "battery low" : "battery" },
    el("div", { class: "case", ...meter }, level,
      el("div", { class: "text" }, el("span", { class: "big" }, shown), el("span", {}, words))),
    el("div", { class: "nub" }));
}

// What is free in each interval of the window, beside what is needed.
export function strip(profile, neededWh) {
  if (!profile.length) return el("span", { class: "muted" }, "not told");
  const begin = Date.parse(profile[0].start);
  const length = Date.parse(profile.at(-1).end) - begin;
  const energies = profile.map((slot) => slot.energy_wh);
  const top = Math.max(...energies, neededWh) || 1;
  // A few columns stand apart; many overlap a little, or light would shine through their seams.
  const seam = profile.length > 48 ? 0.1 : -0.3;
  const columns = profile.map((slot) => {
    const x = ((Date.parse(slot.start) - begin) / length) * 100;
    const width = ((Date.parse(slot.end) - Date.parse(slot.start)) / length) * 100;
    const height = Math.max((slot.energy_wh / top) * 26, 1);
    return svg("rect", { class: slot.energy_wh >= neededWh ? "enough" : "short", x, width: width + seam, y: 28 - height, height });
  });
  const y = 28 - (neededWh / top) * 26;
  const [least, most] = [Math.min(...energies), Math.max(...energies)];
  const label = least === most ? `${kwh(least)} free all the time` : `${kwh(least)} to ${kwh(most)} free`;
  return svg("svg", { class: "strip", viewBox: "0 0 100 28", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("title", {}, label), ...columns, svg("line", { class: "need", x1: 0, x2: 100, y1: y, y2: y }));
}

// The state of charge over time.
export function course(readings) {
  const points = readings.filter((one) => one.soc_percent !== null);
  if (points.length < 3) return null;
  const begin = Date.parse(points[0].measured_at);
  const length = Date.parse(points.at(-1).measured_at) - begin || 1;
  const at = (one) => `${(((Date.parse(one.measured_at) - begin) / length) * 100).toFixed(2)} ${(50 - Number(one.soc_percent) / 2).toFixed(2)}`;
  const line = `M${points.map(at).join("L")}`;
  const label = `State of charge from ${momentText(points[0].measured_at)} to ${momentText(points.at(-1).measured_at)}: ${percent(points[0].soc_percent)} to ${percent(points.at(-1).soc_percent)}`;
  return svg("svg", { class: "course", viewBox: "0 0 100 50", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("path", { class: "area", d: `${line}L100 50L0 50Z` }), svg("path", { class: "trace", d: line }));
}

function clamped(share) {
  return Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) : 0;
}
