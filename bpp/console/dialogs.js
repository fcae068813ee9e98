// Asks before something is done: what will happen, what is needed for it, and what went wrong.

import { say } from "./connection.js";
import { el } from "./elements.js";

const dialog = () => document.getElementById("dialog");

function field({ name, label, kind = "text", value = "", hint = "", options = null, optional = false, rows = null, ...more }) {
  const id = `field-${name}`;
  const attributes = { id, name, required: !optional, "aria-describedby": hint ? `${id}-hint` : null, ...more };
  const input = options
    ? el("select", attributes, options.map(([key, words]) => el("option", { value: key, selected: key === value }, words)))
    : rows ? el("textarea", { ...attributes, rows }, value) : el("input", { ...attributes, type: kind, value });
  return el("div", {}, el("label", { for: id }, label), input, hint ? el("p", { id: `${id}-hint`, class: "muted small" }, hint) : null);
}

// ``act`` gets the values and does it, and ``again`` reads what has changed; what ``act`` throws is shown and the dialog stays open.
export function ask({ title, words = [], fields = [], confirm, danger = false, act, again, done }) {
  const wrong = el("p", { class: "note bad", role: "alert", hidden: true });
  const yes = el("button", { type: "submit", class: danger ? "stop" : "first" }, confirm);
  const no = el("button", { type: "button" }, "Cancel");
  const form = el("form", { class: "stack" },
    el("h2", { id: "dialog-title" }, title), words.map((sentence) => el("p", {}, sentence)), fields.map(field), wrong,
    el("div", { class: "actions" }, yes, no));
  no.addEventListener("click", () => dialog().close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    yes.disabled = true;
    try {
      await act(Object.fromEntries(new FormData(form)));
      dialog().close();
      say("done", "");
      say("done", done ?? "Done.");
      again();
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    } finally {
      yes.disabled = false;
    }
  });
  dialog().replaceChildren(form);
  dialog().showModal();
}

// A button that opens a dialog; disabled with its reason where the role only reads.
export function action(id, words, { allowed, style = null, ...question }) {
  const button = el("button", { id, type: "button", class: style, disabled: !allowed, title: allowed ? null : "Your role only reads." }, words);
  button.addEventListener("click", () => ask(question));
  return button;
}

// A local time as an input of kind datetime-local writes it, and back to what the API reads.
export function localText(moment) {
  const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
  return shifted.toISOString().slice(0, 16);
}

export const utcText = (text) => new Date(text).toISOString();
