// Checks a receipt of the log: a C2SP tlog-proof whose extra data is the entry's bytes.
//
//     c2sp.org/tlog-proof@v1
//     extra <base64>              the entry, RFC 8785 JSON
//     index <decimal>             its place in the log, from 0
//     <base64 of 32 bytes>        0 to 53 lines: the inclusion path, from the leaf up
//     <empty line>
//     <origin> <size> <root>      the checkpoint, a line each
//     <empty line>
//     — <name> <base64>           1 to 100 signatures: key id (4 bytes), then the signature
//
// The spellings are those of ledger/tlog: one for each value, so that no byte can be changed
// without being noticed. Only the Ed25519 key (type 1) is used here; other keys' lines are read and
// left alone. Every fault is a `ReceiptFault` that names the step and says by a code what is wrong.

export const STEPS = ["read", "leaf", "path", "head", "signature", "entry"];

const HEADER = "c2sp.org/tlog-proof@v1";
const PROOF_BYTES_MAX = 2_000_000;
const NOTE_BYTES_MAX = 1_000_000;
const ENTRY_BYTES_MAX = 65_535;
const PATH_MAX = 53;
const SIGNATURES_MAX = 100;
const ED25519 = 1;

export class ReceiptFault extends Error {
  constructor(step, code) {
    super(`${step}: ${code}`);
    this.step = step;
    this.code = code;
  }
}

/** Whether this browser can do all that `check` needs. */
export async function isAble() {
  try {
    const one = new Uint8Array(32);
    one[0] = 1; // an encoding of a point, so that the import itself is not what fails
    await crypto.subtle.importKey("raw", one, "Ed25519", false, ["verify"]);
    await sha256(one);
    return true;
  } catch {
    return false;
  }
}

/**
 * Checks the receipt under the verifier key and tells `on` of each step that holds, with what it
 * found. Resolves to the entry; rejects with the first `ReceiptFault`.
 */
export async function check(text, vkey, on = () => {}) {
  const receipt = parseReceipt(text);
  const path = receipt.path.map(toBase64);
  on("read", { index: receipt.index, count: path.length, path });
  const leaf = await leafHash(receipt.extra);
  on("leaf", { leaf: toBase64(leaf) });
  const root = await rootOf(leaf, receipt.index, receipt.size, receipt.path);
  on("path", { reached: toBase64(root) });
  want(toBase64(root) === receipt.root, "head", "other-root");
  on("head", { origin: receipt.origin, size: receipt.size, root: receipt.root });
  await verifySignature(receipt, await parseVkey(vkey));
  on("signature", {});
  const entry = parseEntry(receipt.extra);
  want(entry.seq === receipt.index, "entry", "other-seq");
  want(entry.ledger === receipt.origin, "entry", "other-log");
  on("entry", { seq: entry.seq, type: entry.type });
  return entry;
}

// --- reading -------------------------------------------------------------------------------------

/** The parts of a receipt, none of them verified. */
export function parseReceipt(text) {
  want(utf8(text).length <= PROOF_BYTES_MAX, "read", "too-long");
  want(text.isWellFormed() && !/[\x00-\x09\x0b-\x1f]/.test(text), "read", "characters");
  const cut = text.indexOf("\n\n");
  want(cut >= 0, "read", "form");
  const lines = text.slice(0, cut).split("\n");
  want(lines.shift() === HEADER, "read", "header");
  want(lines.length > 0 && lines[0].startsWith("extra "), "read", "no-entry");
  const extra = fromBase64(lines.shift().slice("extra ".length));
  want(extra.length > 0, "read", "no-entry");
  want(lines.length > 0 && lines[0].startsWith("index "), "read", "form");
  const index = fromDecimal(lines.shift().slice("index ".length));
  want(lines.length <= PATH_MAX, "read", "form");
  const path = lines.map((line) => fromBase64(line));
  want(path.every((hash) => hash.length === 32), "read", "hash");
  return { extra, index, path, ...parseCheckpoint(text.slice(cut + 2)) };
}

function parseCheckpoint(note) {
  want(utf8(note).length <= NOTE_BYTES_MAX, "read", "too-long");
  const cut = note.lastIndexOf("\n\n");
  want(cut >= 0 && note.endsWith("\n") && note.length > cut + 2, "read", "form");
  const signed = note.slice(0, cut + 1);
  const lines = signed.split("\n");
  want(lines.length === 4 && lines[3] === "" && lines[0] !== "", "read", "form");
  const [origin, size, root] = lines;
  want(fromBase64(root).length === 32, "read", "hash");
  const signatures = note.slice(cut + 2, -1).split("\n");
  want(signatures.length <= SIGNATURES_MAX, "read", "form");
  return {
    signed,
    origin,
    size: fromDecimal(size),
    root,
    signatures: signatures.map(parseSignature),
  };
}

function parseSignature(line) {
  const parts = /^— ([^\s+]+) (\S+)$/u.exec(line);
  want(parts !== null, "read", "signature-line");
  const raw = fromBase64(parts[2]);
  want(raw.length > 4, "read", "signature-line");
  return { name: parts[1], keyId: toHex(raw.slice(0, 4)), signature: raw.slice(4) };
}

/** A verifier key `<name>+<key id>+<base64>` of type Ed25519. */
export async function parseVkey(text) {
  const [name, keyId, ...rest] = text.trim().split("+");
  want(Boolean(name) && rest.length > 0 && !/\s/u.test(name), "signature", "key");
  const typed = fromBase64(rest.join("+"), "signature", "key");
  want(typed.length === 33 && typed[0] === ED25519, "signature", "key");
  const digest = await sha256(joined(utf8(`${name}\n`), typed));
  want(toHex(digest.slice(0, 4)) === keyId, "signature", "key");
  return { name, keyId, publicKey: typed.slice(1) };
}

/** The entry, which must be the one spelling (RFC 8785) of what it says. */
export function parseEntry(bytes) {
  want(bytes.length <= ENTRY_BYTES_MAX && bytes.every((byte) => byte < 128), "entry", "spelling");
  const text = new TextDecoder().decode(bytes);
  let entry;
  try {
    entry = JSON.parse(text);
  } catch {
    throw new ReceiptFault("entry", "spelling");
  }
  want(spelled(entry) === text, "entry", "spelling");
  want(entry !== null && typeof entry === "object" && entry.v === 1, "entry", "spelling");
  return entry;
}

function spelled(value) {
  if (Array.isArray(value)) return `[${value.map(spelled).join(",")}]`;
  if (typeof value === "string" || value === true) return JSON.stringify(value);
  if (Number.isSafeInteger(value)) return String(value);
  want(value !== null && typeof value === "object", "entry", "spelling");
  const fields = Object.keys(value).sort();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${spelled(value[name])}`).join(",")}}`;
}

// --- the tree (RFC 6962, RFC 9162 section 2.1.3.2) -----------------------------------------------

export async function leafHash(bytes) {
  return sha256(joined([0], bytes));
}

async function nodeHash(left, right) {
  return sha256(joined([1], left, right));
}

/** The root that the path leads to from a leaf; its length must be exactly what is wanted. */
export async function rootOf(leaf, index, size, path) {
  want(index < size, "path", "outside");
  let [hash, place, last] = [leaf, BigInt(index), BigInt(size) - 1n];
  for (const sibling of path) {
    want(last > 0n, "path", "length");
    if (place & 1n || place === last) {
      hash = await nodeHash(sibling, hash);
      while (!(place & 1n) && place > 0n) [place, last] = [place >> 1n, last >> 1n];
    } else {
      hash = await nodeHash(hash, sibling);
    }
    [place, last] = [place >> 1n, last >> 1n];
  }
  want(last === 0n, "path", "length");
  return hash;
}

// --- the signature (C2SP signed-note) ------------------------------------------------------------

async function verifySignature(receipt, key) {
  want(key.name === receipt.origin, "signature", "other-key");
  const own = receipt.signatures.filter(
    ({ name, keyId }) => name === key.name && keyId === key.keyId,
  );
  want(own.length > 0, "signature", "other-key");
  want(own.length === 1, "signature", "twice");
  want(own[0].signature.length === 64, "signature", "invalid");
  const imported = await crypto.subtle.importKey("raw", key.publicKey, "Ed25519", false, [
    "verify",
  ]);
  const holds = await crypto.subtle.verify(
    "Ed25519",
    imported,
    own[0].signature,
    utf8(receipt.signed),
  );
  want(holds, "signature", "invalid");
}

// --- bytes ---------------------------------------------------------------------------------------

function want(holds, step, code) {
  if (!holds) throw new ReceiptFault(step, code);
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function toHex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/** The bytes of a text that is their one canonical, padded spelling. */
export function fromBase64(text, step = "read", code = "base64") {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new ReceiptFault(step, code);
  }
  // Piece by piece, since an argument list has bounds; 3 bytes are 4 characters.
  let again = "";
  for (let at = 0; at < bytes.length; at += 3_000) again += toBase64(bytes.slice(at, at + 3_000));
  want(again === text, step, code);
  return bytes;
}

function fromDecimal(text) {
  want(/^(0|[1-9][0-9]{0,15})$/.test(text), "read", "number");
  const number = Number(text);
  want(Number.isSafeInteger(number), "read", "number");
  return number;
}
