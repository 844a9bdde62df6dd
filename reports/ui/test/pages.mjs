// Pages for tests: the template, filled as reports/src/page.rs fills it, with pieces from the folder `data`.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
export const dataFolder = join(here, "data");
const template = join(here, "../../assets/report.template.html");
// The most important first, as in a real page.
const ORDER = ["batch", "run", "minimal", "speed"];

/** Pieces that a folder holds: packed data by name. */
export function piecesOf(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".data.gz"))
    .map((file) => ({ name: file.replace(".data.gz", ""), packed: readFileSync(join(folder, file)) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}

const rank = (name) => ORDER.findIndex((kind) => name.startsWith(kind));

/** Pieces of a page that exists: to show them with the newest viewer. */
export function piecesOfPage(page) {
  const found = readFileSync(page, "utf8").matchAll(/<script type="application\/octet-stream" class="causeway-data" id="data-([a-z0-9-]+)">([^<]*)</g);
  return [...found].map(([, name, text]) => ({ name, packed: Buffer.from(text, "base64") }));
}

/** A piece whose head is changed. */
export function withHead(packed, change) {
  const bytes = gunzipSync(packed);
  const end = 8 + bytes.readUInt32LE(4);
  const head = Buffer.from(JSON.stringify(change(JSON.parse(bytes.subarray(8, end).toString("utf8")))));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return gzipSync(Buffer.concat([bytes.subarray(0, 4), length, head, bytes.subarray(end)]));
}

/** Writes a page with these pieces. */
export function writePage(path, title, pieces) {
  const data = pieces.map(({ name, packed }) => `<script type="application/octet-stream" class="causeway-data" id="data-${name}">${packed.toString("base64")}</script>\n`);
  const page = readFileSync(template, "utf8").replace("<!--causeway:title-->", () => title).replace("<!--causeway:data-->", () => data.join(""));
  writeFileSync(path, page);
}
