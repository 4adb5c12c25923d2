// What makes pages handier and is not needed to read them: copying, printing, and a download with progress.

for (const button of document.querySelectorAll("button[data-copies]")) {
  if (!navigator.clipboard) continue; // without https there is none: the text can be marked
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.querySelector(button.dataset.copies).textContent.trim();
    await navigator.clipboard.writeText(text);
    button.querySelector("[role=status]").textContent = button.dataset.done;
  });
}

for (const button of document.querySelectorAll("button[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

const link = document.querySelector("a[data-progress]");
if (link) {
  const box = document.querySelector(link.dataset.progress);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    if (box.dataset.state !== "running") download(link, box);
  });
}

async function download(from, box) {
  const [bar, status] = [box.querySelector("progress"), box.querySelector("[role=status]")];
  box.hidden = false;
  box.dataset.state = "running";
  status.textContent = box.dataset.running;
  try {
    const response = await fetch(from.href, { credentials: "same-origin" });
    if (!response.ok) return location.assign(from.href); // the server says on a page why not
    const parts = await received(response.body, bar);
    const file = new Blob(parts, { type: "application/zip" });
    save(file, from.getAttribute("download"));
    bar.value = bar.max;
    status.textContent = box.dataset.done.replace("{size}", megabytes(file.size));
    box.dataset.state = "done";
  } catch {
    status.textContent = box.dataset.failed;
    box.dataset.state = "failed";
  }
}

// The length is not known before the end, but how many files the zip has is: `max`. Each begins
// with the same four bytes, and those are counted as they pass.
async function received(body, bar) {
  const parts = [];
  let state = 0;
  let files = 0;
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return parts;
    parts.push(value);
    for (const byte of value) {
      state = byte === MARK[state] ? state + 1 : Number(byte === MARK[0]);
      if (state === MARK.length) [state, files] = [0, files + 1];
    }
    bar.value = Math.min(files, bar.max);
  }
}

const MARK = [0x50, 0x4b, 0x03, 0x04];

function save(file, name) {
  const address = URL.createObjectURL(file);
  const anchor = Object.assign(document.createElement("a"), { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function megabytes(bytes) {
  const shown = bytes / 1_000_000;
  return shown.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2 });
}
