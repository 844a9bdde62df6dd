import { type Child, h } from "../dom";
import { count, time, visible } from "../format";
import type { Contrast, Difference } from "../model/head";
import type { Run } from "../model/run";
import type { Store } from "../store";
import { command } from "./copy";
import { section, timeLink, withCode } from "./parts";

/** The run in words. */
export function story(run: Run, store: Store): HTMLElement {
  const lines = run.head.story.map((line) => h("li", { class: storySort(line.text) }, timeLink(store, line.t, time(line.t, 3)), " ", withCode(visible(line.text))));
  return section("story", "Story", null, lines.length > 0 ? h("ol", { class: "story-lines" }, lines) : h("p", { class: "none" }, "Nothing is told of this run."));
}

function storySort(text: string): string {
  if (text.startsWith("fault")) return "fault-line";
  return text.startsWith("meanwhile") ? "meanwhile" : "";
}

/** The plan that makes this run. */
export function plan(run: Run, names: string[], choose: (name: string) => void): HTMLElement {
  const { plan, minimal, commands, seed } = run.head;
  const other = minimal ? `run-${seed}` : `minimal-${seed}`;
  const lines = plan.split("\n").length;
  return section(
    "plan",
    minimal ? "Minimised plan" : "Plan",
    minimal ? "The smallest plan that was found with the same failure: nothing more can be taken out without losing it." : null,
    names.includes(other) && h("div", { class: "tools" }, h("button", { type: "button", onclick: () => choose(other) }, minimal ? "Show the run of the whole plan" : "Show the run of the minimised plan")),
    commands.minimise && command("Copy minimise", commands.minimise),
    plan ? h("details", { open: lines <= 60 }, h("summary", {}, `The plan, ${count(lines)} lines`), h("pre", { tabindex: 0, role: "region", "aria-label": "plan" }, visible(plan.replaceAll("\n", "\u2028")).replaceAll("\\u2028", "\n"))) : h("p", { class: "none" }, "The plan is not in this file: it is too long, or the run was read from a history. The replay command makes the same run."),
  );
}

/** How a run that failed differs from the nearest seed that did not. */
export function difference(run: Run): Child {
  const found = run.head.difference;
  if (!found) return null;
  return section(
    "difference",
    `Difference to seed ${found.seed}, which held`,
    "The nearest seed that did not fail. What is equal in both is left out.",
    found.replay && command("Copy its replay", found.replay),
    h("div", { class: "beside" }, contrast("The world", run.head.seed, found, found.world), contrast("What happened", run.head.seed, found, found.events), guaranteeContrast(run.head.seed, found)),
  );
}

function contrast(title: string, seed: number, found: Difference, rows: Contrast[]): Child {
  if (rows.length === 0) return null;
  // What differs most, for its size, comes first.
  const unlike = (row: Contrast) => Math.abs(row.here - row.there) / Math.max(row.here, row.there, 1);
  const ordered = [...rows].sort((a, b) => unlike(b) - unlike(a));
  const most = Math.max(...rows.flatMap((row) => [row.here, row.there]), 1);
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": title },
    h(
      "table",
      { class: "contrast" },
      h("caption", {}, title),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, ""), h("th", { scope: "col", class: "number" }, h("span", { class: "bar here" }), `seed ${seed}`), h("th", { scope: "col", class: "number" }, h("span", { class: "bar there" }), `seed ${found.seed}`), h("th", { scope: "col" }, ""))),
      h("tbody", {}, ordered.map((row) => h("tr", {}, h("th", { scope: "row" }, visible(row.what)), h("td", { class: "number" }, count(row.here)), h("td", { class: "number" }, count(row.there)), h("td", { class: "bars", "aria-hidden": "true" }, bar("here", row.here, most), bar("there", row.there, most))))),
    ),
  );
}

function bar(name: string, value: number, most: number): HTMLElement {
  const one = h("span", { class: `bar ${name}` });
  one.style.width = `${(Math.sqrt(value) / Math.sqrt(most)) * 100}%`;
  return one;
}

function guaranteeContrast(seed: number, found: Difference): Child {
  if (found.guarantees.length === 0) return null;
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": "guarantees" },
    h(
      "table",
      {},
      h("caption", {}, "Guarantees: how often each was checked"),
      h("thead", {}, h("tr", {}, ["", `seed ${seed}`, `seed ${found.seed}`, "broken here"].map((one, place) => h("th", { scope: "col", class: place ? "number" : "" }, one)))),
      h("tbody", {}, found.guarantees.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name), h("td", { class: "number" }, count(row.checked_here)), h("td", { class: "number" }, count(row.checked_there)), h("td", { class: row.broken_here ? "number bad" : "number" }, row.broken_here ? `✕ ${count(row.broken_here)}` : "")))),
    ),
  );
}
