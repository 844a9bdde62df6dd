import { h, refill } from "../../dom";
import { count, time } from "../../format";
import type { Run } from "../../model/run";
import { crossingParts, eventParts } from "../../model/words";
import type { Store } from "../../store";
import { sentence, timeLink } from "../parts";
import type { Visible } from "./detail";

const MOST = 200;

/** The same as the picture, as a table: for who cannot see it, and for searching in the page. */
export function eventTable(run: Run, store: Store, visible: () => Visible) {
  const body = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "what the diagram shows" });
  const element = h("details", { ontoggle: () => draw() }, h("summary", {}, "The same as a table"), body);

  function draw() {
    if (!element.open) return;
    const { events, crossings } = visible();
    const all = [
      ...[...events.subarray(0, MOST)].map((row) => ({ t: run.events.t[row] as number, parts: eventParts(run, row) })),
      ...[...crossings.subarray(0, MOST)].map((row) => ({ t: run.crossings.t[row] as number, parts: crossingParts(run, row) })),
    ].sort((a, b) => a.t - b.t);
    const total = events.length + crossings.length;
    refill(
      body,
      h(
        "table",
        {},
        h("caption", {}, total > MOST ? `The first ${MOST} of ${count(total)}: zoom in to see others` : `All ${count(total)}`),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "What"))),
        h("tbody", {}, all.slice(0, MOST).map((one) => h("tr", {}, h("td", {}, timeLink(store, one.t, time(one.t, 9))), h("td", {}, sentence(run, store, one.parts))))),
      ),
    );
  }

  return { element, draw };
}
