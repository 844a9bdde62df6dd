import { type Child, h } from "../../dom";
import { count, some } from "../../format";
import type { Batch } from "../../model/batch";
import { section } from "../parts";

/** What the seeds were to see, and in how many they saw it; and what the first seed was like. */
export function coverage(batch: Batch): Child {
  const { goals, parameters, seeds_run } = batch.head;
  const reached = goals.filter((one) => one.seeds > 0).length;
  return section(
    "coverage",
    "Coverage",
    goals.length > 0 ? `${reached} of ${some(goals.length, "goal")} reached.` : "The scenario sets no goals.",
    goals.length > 0 &&
      h(
        "ul",
        { class: "coverage" },
        goals.map((one) => {
          const fill = h("span", {});
          fill.style.width = `${(one.seeds / Math.max(seeds_run, 1)) * 100}%`;
          return h("li", { class: one.seeds > 0 ? "" : "unsure" }, h("span", {}, one.seeds > 0 ? "✓ " : "– ", one.goal), h("span", { class: "share-bar good-bar", "aria-hidden": "true" }, fill), h("span", { class: "number" }, one.seeds > 0 ? `${count(one.seeds)} seeds` : "never reached"));
        }),
      ),
    parameters.length > 0 && h("details", {}, h("summary", {}, "What the scenario comes to"), h("ul", {}, parameters.map((one) => h("li", {}, one)))),
  );
}
