import { h, s } from "../dom";

export type Status = "held" | "broken" | "not_checked" | "harness" | "coverage" | "inconclusive" | "unrecoverable" | "in_vain" | "too_slow";

const WORDS: Record<Status, string> = {
  held: "held",
  broken: "broken",
  not_checked: "never checked",
  harness: "simulator's fault",
  coverage: "not covered",
  inconclusive: "inconclusive",
  unrecoverable: "beyond mending",
  in_vain: "waited in vain",
  too_slow: "too slow",
};

/** Each status has its own shape: colour alone says nothing to many. */
const SHAPES = {
  good: "M2 8.5 6.2 12.5 14 3.5",
  bad: "M3 3 13 13M13 3 3 13",
  unsure: "M3 8H13",
};

export function tone(status: string): keyof typeof SHAPES {
  if (status === "held") return "good";
  return status === "broken" || status === "harness" ? "bad" : "unsure";
}

export function words(status: string): string {
  return WORDS[status as Status] ?? status;
}

export function mark(status: string): SVGSVGElement {
  return s("svg", { class: `mark ${tone(status)}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: SHAPES[tone(status)] }));
}

export function badge(status: string): HTMLElement {
  return h("span", { class: `badge ${tone(status)}` }, mark(status), words(status));
}
