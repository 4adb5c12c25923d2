// The receipt's page: runs the check on what stands in its fields, and says at each step what came
// out. All words are in the page already; this only chooses among them.

import { check, isAble, ReceiptFault, STEPS } from "./tlog.js";

const form = document.querySelector("#check");
const verdict = document.querySelector("#verdict");
const original = form.elements.receipt.value;

function show(step, state, found = {}) {
  const item = document.querySelector(`#step-${step}`);
  item.dataset.state = state;
  item.querySelector("[data-says]").textContent = form.dataset[state];
  for (const place of item.querySelectorAll("[data-found]")) {
    place.textContent = String(found[place.dataset.found] ?? "");
    place.parentElement.hidden = !(place.dataset.found in found);
  }
}

function say(state, text) {
  verdict.dataset.state = state;
  verdict.textContent = text;
}

function sentence(code) {
  return document.querySelector(`#faults [data-code="${code}"]`).textContent;
}

async function run() {
  for (const step of STEPS) show(step, "waiting");
  try {
    await check(form.elements.receipt.value, form.elements.vkey.value, (step, found) =>
      show(step, "good", found),
    );
    say("good", form.dataset.holds);
  } catch (error) {
    if (!(error instanceof ReceiptFault)) throw error;
    show(error.step, "bad");
    say("bad", `${form.dataset.fails} ${sentence(error.code)}`);
  }
}

if (await isAble()) {
  form.querySelector("[data-actions]").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  form.addEventListener("reset", () => {
    say("waiting", "");
    queueMicrotask(() => {
      form.elements.receipt.value = original;
      run();
    });
  });
  await run();
} else {
  say("unable", document.querySelector("#unable").textContent);
}
