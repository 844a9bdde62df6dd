import { type Child, h } from "../../dom";
import { count, some } from "../../format";
import type { Batch } from "../../model/batch";
import { section } from "../parts";

interface Cell {
  seeds: number;
  checked: number;
  broken: number;
  seedsBroken: number;
}

/** Families of faults against guarantees: what was tried together, how often, and what broke. */
export function matrix(batch: Batch): Child {
  const { matrix } = batch;
  const cells = new Map<string, Cell>();
  for (let row = 0; row < matrix.rows; row++) {
    cells.set(`${matrix.family[row]} ${matrix.guarantee[row]}`, { seeds: matrix.seeds[row] as number, checked: matrix.checked[row] as number, broken: matrix.broken[row] as number, seedsBroken: matrix.seeds_broken[row] as number });
  }
  const families = [...batch.head.families, "no faults"].map((name, place) => ({ name, place })).filter(({ place }) => matrix.family.includes(place));
  const guarantees = batch.head.guarantees.map((one, place) => ({ ...one, place })).filter(({ checked }) => checked > 0);
  if (families.length === 0) return null;
  const most = matrix.checked.reduce((a, b) => Math.max(a, b), 1);
  return section(
    "matrix",
    "Faults against guarantees",
    "How often each guarantee was checked in seeds that had a family of faults; in red, in how many of them it broke. An empty field was never tried.",
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "faults against guarantees" },
      h(
        "table",
        { class: "matrix" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Guarantee"), families.map(({ name }) => h("th", { scope: "col", class: "number" }, name.replaceAll("_", " "))))),
        h("tbody", {}, guarantees.map((one) => h("tr", {}, h("th", { scope: "row" }, one.name), families.map(({ name, place }) => field(cells.get(`${place} ${one.place}`), most, name))))),
      ),
    ),
  );
}

function field(cell: Cell | undefined, most: number, family: string): HTMLElement {
  if (!cell || cell.checked === 0) return h("td", { class: "number never" }, h("span", { class: "hidden" }, "never"));
  const said = `${some(cell.seeds, "seed")} with ${family}: checked ${count(cell.checked)} times, broken ${count(cell.broken)} times in ${some(cell.seedsBroken, "seed")}`;
  if (cell.seedsBroken > 0) return h("td", { class: "number broke", title: said }, `✕ ${count(cell.seedsBroken)}`);
  const strength = Math.ceil((Math.log1p(cell.checked) / Math.log1p(most)) * 4);
  return h("td", { class: `number heat-${strength}`, title: said }, short(cell.checked));
}

function short(n: number): string {
  if (n < 1000) return String(n);
  return n < 1e6 ? `${Math.round(n / 1000)}k` : `${(n / 1e6).toFixed(1)}M`;
}
