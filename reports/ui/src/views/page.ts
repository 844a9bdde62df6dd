import { h } from "../dom";
import type { Run } from "../model/run";
import type { Store } from "../store";
import { charts } from "./charts";
import { runHeader } from "./header";
import { lifeLineView } from "./lifeline";
import { log } from "./log";
import { spaceTime } from "./spacetime/view";
import { difference, plan, story } from "./story";
import { timebar } from "./timebar";
import { topology } from "./topology";
import { verdicts } from "./verdicts";

/** All views of one run. `names` are the other pieces of the report, which `choose` shows. */
export function runPage(run: Run, store: Store, names: string[], choose: (name: string) => void): HTMLElement {
  const sections: [string, string][] = [
    ["verdicts", "Guarantees"],
    ["space-time", "Space-time"],
    ["life-line", "Life-line"],
    ["topology", "Map"],
    ["log", "Log"],
    ["charts", "Charts"],
    ["story", "Story"],
    ...(run.head.difference ? [["difference", "Difference"] as [string, string]] : []),
    ["plan", "Plan"],
  ];
  return h(
    "main",
    {},
    runHeader(run, () => goToBroken(run)),
    timebar(run, store, sections),
    verdicts(run, store),
    spaceTime(run, store),
    lifeLineView(run, store),
    h("div", { class: "beside" }, topology(run, store), log(run, store)),
    charts(run, store),
    story(run, store),
    difference(run),
    plan(run, names, choose),
  );
}

/** From the verdict to the first guarantee that broke, where its witnesses are. */
function goToBroken(run: Run) {
  const broken = run.head.guarantees.find((one) => one.status === "broken");
  const card = document.getElementById(`broken-${broken?.id}`);
  card?.scrollIntoView({ block: "start" });
  card?.querySelector<HTMLElement>("h3")?.focus({ preventScroll: true });
}
