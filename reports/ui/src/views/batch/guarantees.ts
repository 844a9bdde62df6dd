import { h } from "../../dom";
import { count, duration, visible } from "../../format";
import type { Batch } from "../../model/batch";
import type { BatchGuarantee } from "../../model/head";
import { section, withCode } from "../parts";
import { badge } from "../status";

const ORDER = { broken: 0, not_checked: 1, held: 2 };

/** Every guarantee over all seeds. */
export function guaranteeTable(batch: Batch): HTMLElement {
  const wanted = (one: BatchGuarantee) => one.required || one.status !== "not_checked";
  const all = batch.head.guarantees.filter(wanted).sort((a, b) => ORDER[a.status] - ORDER[b.status]);
  const columns = ["Guarantee", "Verdict", "Seeds held", "Seeds broken", "Seeds never checked", "Checked", "Closest to its bound"];
  return section(
    "verdicts",
    "Guarantees",
    null,
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "guarantees over all seeds" },
      h(
        "table",
        { class: "guarantees" },
        h("thead", {}, h("tr", {}, columns.map((one, place) => h("th", { scope: "col", class: place > 1 ? "number" : "" }, one)))),
        h("tbody", {}, all.map(row)),
      ),
    ),
  );
}

function row(one: BatchGuarantee): HTMLElement {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("details", { class: "explained" }, h("summary", {}, one.name), h("p", {}, withCode(one.sentence)), one.first && h("p", {}, `Seed ${one.first_seed}: `, withCode(visible(one.first.story))))),
    h("td", {}, badge(one.status)),
    h("td", { class: "number" }, count(one.seeds_held)),
    h("td", { class: one.seeds_broken > 0 ? "number bad" : "number" }, one.seeds_broken > 0 ? `✕ ${count(one.seeds_broken)}` : "0"),
    h("td", { class: "number" }, count(one.seeds_not_checked)),
    h("td", { class: "number" }, count(one.checked)),
    h("td", { class: "number" }, one.closest ? `${duration(one.closest.took_ns)} of ${duration(one.closest.bound_ns)}` : ""),
  );
}
