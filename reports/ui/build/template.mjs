// Puts the built script and style sheet into the template that the crate embeds. Equal sources give equal bytes.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ui = dirname(dirname(fileURLToPath(import.meta.url)));
const out = process.argv[2] ?? join(ui, "../assets/report.template.html");
const SHELL_LIMIT = 160 * 1024;

/** All files below a folder, in an order that does not depend on the file system. */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** One hash of everything that decides what is built. */
function sourceHash() {
  const hash = createHash("sha256");
  const single = ["package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "page.html"].map((name) => join(ui, name));
  for (const file of [...single, ...filesBelow(join(ui, "build")), ...filesBelow(join(ui, "src"))]) {
    hash.update(relative(ui, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

const integrity = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const script = readFileSync(join(ui, "dist/viewer.js"), "utf8").trim();
const style = readFileSync(join(ui, "dist/viewer.css"), "utf8").trim();
if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) {
  throw new Error("the bundle holds something that ends its element");
}
const policy = [
  "default-src 'none'",
  `script-src ${integrity(script)}`,
  `style-src ${integrity(style)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

let page = readFileSync(join(ui, "page.html"), "utf8");
for (const [mark, text] of [["%SOURCES%", sourceHash()], ["%POLICY%", policy], ["%STYLE%", style], ["%SCRIPT%", script]]) {
  if (page.split(mark).length !== 2) throw new Error(`page.html must hold ${mark} once`);
  page = page.replace(mark, () => text);
}
const size = Buffer.byteLength(page);
if (size > SHELL_LIMIT) throw new Error(`the shell has ${size} bytes, more than ${SHELL_LIMIT}`);
writeFileSync(out, page);
console.log(`${relative(process.cwd(), out)}: ${size} bytes`);
