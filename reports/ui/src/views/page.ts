import { h } from "../dom";
import type { Run } from "../model/run";
import type { Store } from "../store";
import { runHeader } from "./header";
import { lifeLineView } from "./lifeline";
import { spaceTime } from "./spacetime/view";
import { timebar } from "./timebar";
import { verdicts } from "./verdicts";

/** All views of one run. */
export function runPage(run: Run, store: Store): HTMLElement {
  return h(
    "main",
    {},
    runHeader(run, () => goToBroken(run)),
    timebar(run, store, [
      ["verdicts", "Guarantees"],
      ["space-time", "Space-time"],
      ["life-line", "Life-line"],
    ]),
    verdicts(run, store),
    spaceTime(run, store),
    lifeLineView(run, store),
  );
}

/** From the verdict to the first guarantee that broke, where its witnesses are. */
function goToBroken(run: Run) {
  const broken = run.head.guarantees.find((one) => one.status === "broken");
  const card = document.getElementById(`broken-${broken?.id}`);
  card?.scrollIntoView({ block: "start" });
  card?.querySelector<HTMLElement>("h3")?.focus({ preventScroll: true });
}
