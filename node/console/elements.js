// Elements, numbers and words. Texts of others only ever become text nodes.

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
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

export const kwh = (wh) => (wh === null || wh === undefined ? "–" : `${number.format(wh / 1000)} kWh`);
export const kw = (w) => (w === null || w === undefined ? "–" : `${number.format(w / 1000)} kW`);
export const km = (m) => (m === null ? "–" : `${number.format(m / 1000)} km`);
export const count = (value) => number.format(value);
export const plain = (text) => exact.format(Number(text));
export const percent = (text) => (text === null || text === undefined ? "–" : `${number.format(Number(text))} %`);
export const dayText = (text) => date.format(new Date(text));
export const shortDayText = (text) => shortDate.format(new Date(text));
export const hourText = (text) => hour.format(new Date(text));
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
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172800 ? `${number.format(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
}

export function flowText(powerW) {
  if (powerW === null || powerW === undefined) return "Power unknown";
  if (powerW > 0) return `Charging at ${kw(powerW)}`;
  return powerW < 0 ? `Giving back ${kw(-powerW)}` : "Resting";
}

export function clamped(share) {
  return Number.isFinite(share) ? Math.min(Math.max(share, 0), 1) : 0;
}

export const chip = (words, kind = "") => el("span", { class: `chip ${kind}` }, words);

export const fact = (name, value, kind = null) => el("div", { class: kind }, el("dt", {}, name), el("dd", {}, value));

export const note = (words, kind = "calm") => el("p", { class: `note ${kind}` }, words);

export const empty = (words) => el("p", { class: "empty" }, words);

// A table whose rows become cards on a phone. ``heads`` are [name, class]; the first cell of a row is its head.
export function table(kind, caption, heads, rows) {
  return el("table", { class: `${kind} cards` },
    el("caption", {}, caption),
    el("thead", {}, el("tr", {}, heads.map(([name, style]) => el("th", { scope: "col", class: style }, name)))),
    el("tbody", {}, rows.map(({ cells, style }) => el("tr", { class: style },
      cells.map((content, index) => index === 0
        ? el("th", { scope: "row" }, content)
        : el("td", { "data-label": heads[index][0], class: heads[index][1] }, content))))));
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
  const known = socPercent !== null && socPercent !== undefined;
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
