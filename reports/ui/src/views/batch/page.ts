import { type Child, h } from "../../dom";
import { count, duration, some } from "../../format";
import type { Batch } from "../../model/batch";
import type { SpeedHead } from "../../model/head";
import { verdictTitle } from "../header";
import { mark, tone } from "../status";
import { seedGrid } from "./grid";
import { guaranteeTable } from "./guarantees";
import { matrix } from "./matrix";
import { signatures } from "./signatures";
import { coverage } from "./coverage";

/** Many seeds at a glance, and the way to the runs that are in this report. */
export function batchPage(batch: Batch, speed: SpeedHead | null, names: string[], choose: (name: string) => void): HTMLElement {
  return h(
    "main",
    {},
    header(batch, speed),
    signatures(batch, names, choose),
    seedGrid(batch, names, choose),
    guaranteeTable(batch),
    matrix(batch),
    coverage(batch),
  );
}

function header(batch: Batch, speed: SpeedHead | null): HTMLElement {
  const { head } = batch;
  const failed = batch.seeds.signature.filter((signature) => signature > 0).length;
  const broken = head.guarantees.filter((one) => one.status === "broken");
  const missed = head.goals.filter((one) => one.seeds === 0);
  const said: Child = failed
    ? h("strong", {}, `${count(failed)} of ${some(head.seeds_run, "seed")} failed, ${some(head.signatures.length, "kind")} of failure`)
    : `none of ${some(head.seeds_run, "seed")} failed`;
  const facts: [string, string][] = [
    ["seeds", head.seeds],
    ["engine", head.server ? `${head.engine}, ${head.server}` : head.engine],
    ["simulated", duration(head.totals.sim_ns)],
    ["broker events", count(head.totals.broker_events)],
    ["history", some(head.totals.history_events, "event")],
    ["version", head.version],
    ["digest", head.digest],
  ];
  if (speed) facts.push(["took", `${duration(speed.wall_ms * 1e6)} on ${some(speed.jobs, "thread")}`], ["speed", `${count(speed.broker_events_per_s)} broker events a second, ${count(speed.sim_seconds_per_s)} times as fast as the clock`]);
  return h(
    "header",
    { class: `verdict ${tone(head.verdict)}` },
    h("div", { class: "said" }, mark(head.verdict), h("h1", {}, verdictTitle(head.verdict)), h("p", {}, said, broken.length > 0 && `: ${broken.map((one) => one.name).join(", ")}`)),
    h("p", { class: "what" }, h("strong", {}, head.scenario), head.about && `: ${head.about}`),
    h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    notes(batch, missed.length),
  );
}

function notes(batch: Batch, missed: number): Child {
  const { head } = batch;
  const said = [...head.notes];
  const without = Array.isArray(head.without) ? head.without.join(", ") : head.without;
  if (head.params.length > 0) said.push(`With ${head.params.map(([name, value]) => `${name} = ${value}`).join(", ")}.`);
  if (without) said.push(`Without these faults: ${without}.`);
  if (head.seeds_left_out > 0) said.push(`${some(head.seeds_left_out, "seed was", "seeds were")} not run: ${head.left_out_because}.`);
  if (missed > 0) said.push(`${some(missed, "coverage goal was", "coverage goals were")} never reached.`);
  for (const fault of head.harness_faults) said.push(`Seed ${fault.seed}: the simulator's own fault: ${fault.what}`);
  return said.length > 0 && h("ul", { class: "notes" }, said.map((one) => h("li", {}, one)));
}
