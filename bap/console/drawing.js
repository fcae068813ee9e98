// The producer's small drawings: what is free over time, and the state of charge so far.

import { el, kwh, momentText, percent, svg } from "./elements.js";

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
