import { type Child, h } from "../../dom";
import { some, visible } from "../../format";
import { type Batch, letters } from "../../model/batch";
import { command } from "../copy";
import { section } from "../parts";
import { pieceTitle } from "../tabs";

/** Failures that are alike, the most frequent first, each with a way to see one. */
export function signatures(batch: Batch, names: string[], choose: (name: string) => void): Child {
  const all = batch.head.signatures;
  if (all.length === 0) return null;
  return section(
    "signatures",
    "Kinds of failure",
    null,
    all.map((one, place) =>
      h(
        "article",
        { class: "violation signature" },
        h("h3", {}, h("span", { class: "letter" }, letters(place)), " ", visible(one.words)),
        share(one.seeds, batch.head.seeds_run),
        h("div", { class: "tools" }, [`run-${one.first_seed}`, `minimal-${one.first_seed}`].filter((name) => names.includes(name)).map((name) => h("button", { type: "button", onclick: () => choose(name) }, `Why: ${pieceTitle(name).toLowerCase()}`))),
        one.replay && command("Copy replay", one.replay),
      ),
    ),
  );
}

function share(part: number, whole: number): HTMLElement {
  const fill = h("span", {});
  fill.style.width = `${(part / Math.max(whole, 1)) * 100}%`;
  return h("p", { class: "share" }, h("span", { class: "share-bar", "aria-hidden": "true" }, fill), `${some(part, "seed")} of ${whole}`);
}
