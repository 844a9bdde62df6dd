import { type Child, h } from "../dom";
import { count, duration, percent, some, time, visible } from "../format";
import type { Guarantee, Violation } from "../model/head";
import type { Run } from "../model/run";
import type { Store } from "../store";
import { messageLink, section, timeLink, withCode } from "./parts";
import { badge } from "./status";

const ORDER = { broken: 0, not_checked: 1, held: 2 };

/** Every guarantee: what was declared, what was seen, how much was to spare, and how often it was looked at. */
export function verdicts(run: Run, store: Store): HTMLElement {
  const all = [...run.head.guarantees].sort((a, b) => ORDER[a.status] - ORDER[b.status]);
  const broken = all.filter((one) => one.status === "broken");
  const amber = all.filter((one) => one.status === "not_checked" && one.declared);
  const held = all.filter((one) => one.status === "held" && one.declared);
  const unasked = all.filter((one) => one.status !== "broken" && !one.declared);
  return section(
    "verdicts",
    "Guarantees",
    null,
    broken.map((one) => violationCard(run, store, one)),
    run.head.goals.length > 0 && goals(run),
    amber.length > 0 && table("Asked for, and never put to the test", amber),
    held.length > 0 && h("details", { open: broken.length === 0 }, h("summary", {}, `${some(held.length, "guarantee")} held`), table("Asked for, and held", held)),
    unasked.length > 0 && h("details", {}, h("summary", {}, `${some(unasked.length, "guarantee")} more, which the scenario does not ask for`), table("Not asked for", unasked)),
  );
}

/** A broken guarantee, with what happened and who was in it. */
function violationCard(run: Run, store: Store, one: Guarantee): HTMLElement {
  return h(
    "article",
    { class: "violation", id: `broken-${one.id}` },
    h("h3", { tabindex: -1 }, badge(one.status), ` ${one.name} `, one.name !== one.id && h("small", {}, one.id)),
    h("p", { class: "sentence" }, withCode(one.sentence)),
    h("dl", { class: "facts" }, facts(one).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    one.first && violation(run, store, one.first, "First time"),
    one.first_unrecoverable && violation(run, store, one.first_unrecoverable, `Beyond mending${one.why_unrecoverable ? ` (${one.why_unrecoverable})` : ""}, first at`),
  );
}

function violation(run: Run, store: Store, first: Violation, label: string): Child {
  return [
    h("p", { class: "story" }, `${label} `, timeLink(store, first.t, time(first.t)), ": ", withCode(visible(first.story))),
    first.witnesses.length > 0 &&
      h(
        "ol",
        { class: "witnesses" },
        first.witnesses.map((one) =>
          h("li", {}, timeLink(store, one.t, time(one.t)), " ", withCode(visible(one.text)), one.msg > 0 && [" ", h("span", { class: "follow" }, "life-line of ", messageLink(run, store, one.msg))]),
        ),
      ),
  ];
}

function facts(one: Guarantee): [string, string][] {
  const out: [string, string][] = [
    ["declared", declared(one)],
    ["observed", observed(one)],
  ];
  if (one.closest) out.push(["margin", margin(one)]);
  else if (one.bound_ns !== null) out.push(["bound", duration(one.bound_ns)]);
  out.push(["checked", checked(one)]);
  if (one.line) out.push(["scenario", `line ${one.line}`]);
  return out;
}

/** What the scenario says that must hold. */
export function declared(one: Guarantee): string {
  const said = one.declared;
  if (!said) return "not asked for";
  const parts: string[] = [one.timing];
  if (said.within_ns !== null) parts.push(`within ${duration(said.within_ns)}`);
  if (said.grace_ns !== null) parts.push(`grace ${duration(said.grace_ns)}`);
  if (said.p99_ns !== null) parts.push(`p99 within ${duration(said.p99_ns)}`);
  if (said.success_ppm !== null) parts.push(`${percent(said.success_ppm)} of them`);
  if (said.min_ppm !== null) parts.push(`at least ${percent(said.min_ppm)}`);
  if (said.during) parts.push(`during ${said.during}`);
  if (said.scope) parts.push(`for ${said.scope}`);
  return parts.join(", ");
}

function observed(one: Guarantee): string {
  if (one.status === "not_checked") return "never put to the test";
  const parts = [one.broken > 0 ? `broken ${times(one.broken)}` : "never broken"];
  if (one.closest) parts.push(`closest ${duration(one.closest.took_ns)}`);
  if (one.excused > 0) parts.push(`${count(one.excused)} excused`);
  if (one.unrecoverable > 0) parts.push(`${count(one.unrecoverable)} beyond mending`);
  return parts.join(", ");
}

function margin(one: Guarantee): string {
  if (one.closest) return `${duration(one.closest.margin_ns)} of ${duration(one.closest.bound_ns)}`;
  return one.bound_ns === null ? "" : `bound ${duration(one.bound_ns)}`;
}

function checked(one: Guarantee): string {
  return one.checked === 0 ? "never" : times(one.checked);
}

function times(n: number): string {
  return n === 1 ? "once" : `${count(n)} times`;
}

function table(caption: string, rows: Guarantee[]): HTMLElement {
  const columns = ["Guarantee", "Verdict", "Declared", "Observed", "Margin", "Checked"];
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      { class: "guarantees" },
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map((one) => h("th", { scope: "col" }, one)))),
      h("tbody", {}, rows.map(row)),
    ),
  );
}

function row(one: Guarantee): HTMLElement {
  return h(
    "tr",
    { class: one.status },
    h("th", { scope: "row" }, h("details", { class: "explained" }, h("summary", {}, one.name), h("p", {}, one.sentence, ` Checked for each ${one.unit}.`))),
    h("td", {}, badge(one.status)),
    h("td", {}, declared(one)),
    h("td", {}, observed(one)),
    h("td", {}, margin(one)),
    h("td", { class: "number" }, checked(one)),
  );
}

function goals(run: Run): HTMLElement {
  return h(
    "ul",
    { class: "goals", "aria-label": "Coverage goals" },
    run.head.goals.map((one) => h("li", { class: one.reached ? "good" : "unsure" }, `${one.reached ? "✓" : "–"} ${one.goal}`)),
  );
}
