// The receipt's page: runs the check on what stands in its fields, and says at each step what came
// out. All words are in the page already; this only chooses among them, and puts in what it found.

import { check, isAble, ReceiptFault, STEPS } from "./tlog.js";

const form = document.querySelector("#check");
const verdict = document.querySelector("#verdict");
const { receipt, vkey } = form.elements;
let turn = 0; // which check is the newest: what an older one finds is shown no more

function show(step, state, found = {}) {
  const item = document.querySelector(`#step-${step}`);
  item.dataset.state = state;
  item.querySelector("[data-says]").textContent = form.dataset[state];
  for (const place of item.querySelectorAll("[data-found]")) {
    place.textContent = spelled(found[place.dataset.found] ?? "");
    place.parentElement.hidden = !(place.dataset.found in found);
  }
}

function spelled(value) {
  const { lang } = document.documentElement;
  return typeof value === "number" ? value.toLocaleString(lang) : value;
}

function list(hashes) {
  const items = hashes.map((hash) => {
    const [item, code] = ["li", "code"].map((name) => document.createElement(name));
    code.className = "whole";
    code.textContent = hash;
    item.append(code);
    return item;
  });
  const place = document.querySelector("[data-hashes]");
  place.replaceChildren(...items);
  place.parentElement.hidden = items.length === 0;
}

function say(state, text) {
  verdict.dataset.state = state;
  verdict.textContent = text;
}

function sentence(code) {
  return document.querySelector(`#faults [data-code="${code}"]`).textContent;
}

/** Nothing is said of any step: of what stands in the fields now, nothing is known. */
function clear(text = "") {
  turn += 1;
  for (const step of STEPS) show(step, "waiting");
  list([]);
  say("waiting", text);
}

async function run() {
  clear();
  const mine = turn;
  const found = {};
  try {
    await check(receipt.value, vkey.value, (step, its) => {
      if (mine !== turn) return;
      Object.assign(found, its);
      show(step, "good", its);
      if (its.path) list(its.path);
    });
    if (mine !== turn) return;
    const other = found.leaf === form.dataset.leaf ? "" : ` ${form.dataset.other}`;
    say("good", form.dataset.holds.replace("{seq}", spelled(found.index)) + other);
  } catch (error) {
    if (!(error instanceof ReceiptFault)) throw error;
    if (mine !== turn) return;
    show(error.step, "bad");
    say("bad", `${form.dataset.fails} ${sentence(error.code)}`);
  }
}

/** Fields that can be changed, and buttons: without scripts they would only mislead. */
function offer() {
  for (const part of form.querySelectorAll("[data-able]")) part.hidden = false;
  for (const field of form.elements) field.disabled = field.readOnly = false;
}

if (await isAble()) {
  offer();
  form.addEventListener("input", () => clear(form.dataset.changed));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  // The fields are set back after this event.
  form.addEventListener("reset", () => setTimeout(run));
  await run();
} else {
  say("unable", document.querySelector("#unable").textContent);
}
