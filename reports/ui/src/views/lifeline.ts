import { type Child, h, oncePerFrame, refill } from "../dom";
import { count, duration, time, visible } from "../format";
import { lifeLine, type Sort, type Step, summary } from "../model/lifeline";
import type { Run } from "../model/run";
import { firstFrom } from "../model/search";
import type { Store } from "../store";
import { command } from "./copy";
import { messageLink, section, sentence, timeLink, withCode } from "./parts";

const WORDS: Record<Sort, string> = {
  published: "published",
  accepted: "accepted",
  kept: "kept",
  left: "left buffer",
  sent: "sent",
  replayed: "replayed",
  missing: "not arrived",
  arrived: "arrived",
  delivered: "delivered",
  lost: "✕ lost",
  passed: "passed over",
  other: "event",
};

/** The way of one message, from its publisher to everybody who wanted it; and why messages did not come. */
export function lifeLineView(run: Run, store: Store): HTMLElement {
  const way = h("div", { class: "way" });
  const found = h("ul", { class: "found", "aria-label": "messages found" });
  const input = h("input", { type: "search", id: "find-message", placeholder: "0.1.2046 or orders", autocomplete: "off", oninput: () => refill(found, matches(run, store, input.value.trim())) });

  function draw() {
    const { msg } = store.get();
    refill(way, msg ? wayOf(run, store, msg) : h("p", { class: "none" }, "No message is chosen. Follow one from a broken guarantee, from the diagram or the log, or find one here."));
  }

  store.watch((now, before) => now.msg !== before.msg && redraw());
  const redraw = oncePerFrame(draw);
  draw();
  return section(
    "life-line",
    "Life-line of a message",
    null,
    h("div", { class: "tools" }, h("label", { for: "find-message" }, "Find a message by its name, or by its subject"), input),
    found,
    way,
    causes(run, store),
  );
}

function wayOf(run: Run, store: Store, msg: number): Child {
  const steps = lifeLine(run, msg);
  const start = steps[0]?.t ?? 0;
  const explain = run.head.commands.explain;
  return [
    h("h3", {}, "Message ", h("span", { class: "mono" }, run.messageName(msg))),
    h("p", { class: "summary" }, withCode(summary(run, msg, steps))),
    h(
      "div",
      { class: "wide", tabindex: 0, role: "region", "aria-label": "steps of the message" },
      h(
        "table",
        { class: "steps" },
        h("thead", {}, h("tr", {}, ["Time", "After", "Step", "What"].map((one) => h("th", { scope: "col" }, one)))),
        h("tbody", {}, steps.map((step) => stepRow(run, store, step, start))),
      ),
    ),
    explain && command("Copy explain", explain.replaceAll("MESSAGE", run.messageName(msg))),
  ];
}

function stepRow(run: Run, store: Store, step: Step, start: number): HTMLElement {
  return h(
    "tr",
    { class: `step ${step.sort}` },
    h("td", {}, timeLink(store, step.t, time(step.t, 9))),
    h("td", { class: "number" }, step.t === start ? "" : `+${duration(step.t - start)}`),
    h("td", {}, h("span", { class: "sort" }, WORDS[step.sort])),
    h("td", {}, sentence(run, store, step.parts)),
  );
}

/** Messages that are called so, or whose subject holds this; from the cursor on. */
function matches(run: Run, store: Store, text: string): Child {
  if (!text) return null;
  if (/^\d+\.\d+\.\d+$/.test(text)) {
    const msg = run.messageNamed(text);
    return msg ? h("li", {}, messageLink(run, store, msg)) : h("li", { class: "none" }, "No message of that name is in this file.");
  }
  const rows: number[] = [];
  const wanted = new Set(run.head.texts.flatMap((one, place) => (one.includes(text) ? [place] : [])));
  for (let row = firstFrom(run.messages.t, store.get().t); row < run.messages.rows && rows.length < 12; row++) {
    if (wanted.has(run.messages.subject[row] as number)) rows.push(row);
  }
  if (rows.length === 0) return h("li", { class: "none" }, "No message from the cursor on has a subject with this in it.");
  return rows.map((row) => h("li", {}, messageLink(run, store, row + 1), ` ${time(run.messages.t[row] as number)}, `, h("code", {}, visible(run.text(run.messages.subject[row] as number)))));
}

/** Why messages did not come to who wanted them, over the whole run. */
function causes(run: Run, store: Store): Child {
  const seen = run.head.causes.filter((one) => one.count > 0).sort((a, b) => Number(b.lost) - Number(a.lost) || b.count - a.count);
  if (seen.length === 0) return null;
  return h(
    "div",
    { class: "wide", tabindex: 0, role: "region", "aria-label": "why messages did not come" },
    h(
      "table",
      { class: "causes" },
      h("caption", {}, "Why messages did not come to who wanted them, in the whole run"),
      h("thead", {}, h("tr", {}, ["", "Times", "Why", "The first"].map((one) => h("th", { scope: "col" }, one || h("span", { class: "hidden" }, "Sort"))))),
      h("tbody", {}, seen.map((one) => {
        const msg = run.messageNamed(one.first);
        return h(
          "tr",
          {},
          h("td", {}, one.lost ? h("span", { class: "bad" }, "✕ lost") : h("span", { class: "good" }, "as it should be")),
          h("td", { class: "number" }, count(one.count)),
          h("td", {}, one.words),
          h("td", {}, msg ? messageLink(run, store, msg) : h("span", { class: "mono" }, one.first)),
        );
      })),
    ),
  );
}
