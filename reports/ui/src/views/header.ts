import { type Child, h } from "../dom";
import { count, duration, some, visible } from "../format";
import type { Run } from "../model/run";
import { command } from "./copy";
import { mark, tone } from "./status";

const COMMANDS: [keyof Run["head"]["commands"], string][] = [
  ["replay", "Copy replay"],
  ["minimise", "Copy minimise"],
  ["trace", "Copy trace for Perfetto"],
];

/** What was run and how it ended: read in ten seconds. */
export function runHeader(run: Run, goToBroken: () => void): HTMLElement {
  const { head } = run;
  const checked = head.guarantees.filter((one) => one.status !== "not_checked");
  const broken = checked.filter((one) => one.status === "broken");
  const never = head.guarantees.filter((one) => one.status === "not_checked" && one.declared);
  const facts: [string, string][] = [
    ["seed", String(head.seed)],
    ["engine", head.server ? `${head.engine}, ${head.server}` : head.engine],
    ["time", duration(head.end_ns)],
    ["history", some(head.history_events, "event")],
    ["version", head.version],
  ];
  if (!/^0+$/.test(head.trace_hash)) facts.push(["trace hash", head.trace_hash]);
  const sentence: Child = broken.length
    ? [
        h("button", { type: "button", class: "to-broken", onclick: goToBroken }, `${broken.length} of ${some(checked.length, "guarantee")} broke`),
        `: ${broken.map((one) => one.name).join(", ")}`,
      ]
    : `${verdictWords(head.verdict)}: ${count(checked.length)} guarantees were checked`;
  return h(
    "header",
    { class: `verdict ${tone(head.verdict)}` },
    h("div", { class: "said" }, mark(head.verdict), h("h1", {}, verdictTitle(head.verdict)), h("p", {}, sentence, never.length > 0 && `; ${some(never.length, "was", "were")} asked for and never put to the test`)),
    h("p", { class: "what" }, h("strong", {}, head.scenario), head.minimal && " (from the minimised plan)", head.about && `: ${visible(head.about)}`),
    h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    endNote(run),
    h("div", { class: "commands" }, COMMANDS.map(([name, label]) => head.commands[name] && command(label, head.commands[name]))),
  );
}

export function verdictTitle(verdict: string): string {
  const titles: Record<string, string> = {
    held: "Held",
    broken: "Broken",
    harness: "The simulator failed",
    coverage: "Not covered",
    inconclusive: "Inconclusive",
  };
  return titles[verdict] ?? verdict;
}

function verdictWords(verdict: string): string {
  if (verdict === "held") return "Nothing broke";
  if (verdict === "coverage") return "Nothing broke, but not all that was asked for was seen";
  return "This run says too little";
}

function endNote(run: Run): Child {
  const { end, end_words, sampling, notes } = run.head;
  const said: string[] = [...notes];
  if (end !== "complete") said.unshift(`The run did not come to its end (${end.replace("_", " ")})${end_words ? `: ${end_words}` : "."}`);
  if (sampling.kept < sampling.events) {
    said.push(
      `Not every event is in this file: ${count(sampling.kept)} of ${count(sampling.events)}. Within ${duration(sampling.around_ns)} of violations and edges of faults all are there; elsewhere ${Math.round((sampling.chance / 65536) * 100)} of 100 messages, each with its whole way. Charts and verdicts are of all.`,
    );
  }
  return said.length > 0 && h("ul", { class: "notes" }, said.map((one) => h("li", {}, one)));
}
