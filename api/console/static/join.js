// The joining page: what stands behind '#' in the address is the code of an organisation's link. It
// goes into the form, and out of the address, so that it is in no history and no bookmark.

const link = document.querySelector("#link");

function read() {
  const code = location.hash.slice(1);
  if (link && /^(org|invitation)\.[a-z0-9.]{30,80}$/.test(code)) {
    link.value = code;
    history.replaceState(null, "", location.pathname);
  }
  // What is only for those who come with a link, and what only for those with an invitation
  show("#linked, #enters", Boolean(link?.value));
  show("#declines", Boolean(link?.value.startsWith("invitation.")));
}

function show(selector, shown) {
  for (const each of document.querySelectorAll(selector)) each.hidden = !shown;
}

addEventListener("hashchange", read);
read();
