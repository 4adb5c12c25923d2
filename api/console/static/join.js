// The joining page: what stands behind '#' in the address is the code of an organisation's link. It
// goes into the form, and out of the address, so that it is in no history and no bookmark.

const link = document.querySelector("#link");
const code = location.hash.slice(1);

if (link && /^(org|invitation)\.[a-z0-9.]{30,80}$/.test(code)) {
  link.value = code;
  history.replaceState(null, "", location.pathname);
}
if (link?.value) document.querySelector("#linked").hidden = false;
if (link?.value.startsWith("invitation.")) document.querySelector("#declines").hidden = false;
