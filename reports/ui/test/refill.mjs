// Puts the data of reports into the newest viewer: `node test/refill.mjs REPORT.html... FOLDER`.

import { mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { piecesOfPage, writePage } from "./pages.mjs";

const folder = process.argv.at(-1);
mkdirSync(folder, { recursive: true });
for (const page of process.argv.slice(2, -1)) {
  const name = basename(dirname(page));
  writePage(join(folder, `${name}.html`), name, piecesOfPage(page));
}
