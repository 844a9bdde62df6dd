import { h } from "../dom";
import { bytes, count, duration } from "../format";
import type { Run } from "../model/run";
import { backlog, latency, latencyPairs, replay, throughput } from "../model/series";
import type { Store } from "../store";
import { timeChart } from "./chart";
import { section } from "./parts";

const perSecond = (value: number) => `${count(value)}/s`;

/** What waited, what went through, and how long it took. */
export function charts(run: Run, store: Store): HTMLElement {
  const sampled = run.head.sampling.kept < run.head.sampling.events ? " Only of the events that are in this file." : "";
  return section(
    "charts",
    "Backlog, throughput, latency",
    "Windows of faults are hatched. Click sets the cursor, drag zooms; the values below each chart are those at the cursor.",
    h(
      "div",
      { class: "charts" },
      timeChart(run, store, { title: "Kept for other nodes", about: "messages in buffers", value: count, steps: true, none: "Nothing was kept." }, backlog(run, ["buffer"], "messages")).element,
      timeChart(run, store, { title: "Replayed", about: `messages sent from buffers while some waited.${sampled}`, value: perSecond, none: "Nothing was replayed." }, replay(run)).element,
      timeChart(run, store, { title: "Throughput", about: "messages a second", value: perSecond, none: "Nothing was published." }, throughput(run)).element,
      timeChart(run, store, { title: "Waiting for clients", about: "bytes at nodes", value: bytes, steps: true, none: "Nothing waited long enough to be seen." }, backlog(run, ["client", "node"], "bytes")).element,
      latencyChart(run, store),
    ),
  );
}

function latencyChart(run: Run, store: Store): HTMLElement {
  const pairs = latencyPairs(run);
  const first = pairs[0];
  const looks = { title: "Latency", about: "from publisher to receiver", value: duration, log: true, none: "Nothing was delivered." };
  const chart = timeChart(run, store, looks, first ? latency(run, first.from, first.to) : { times: [], series: [] });
  if (pairs.length < 2) return chart.element;
  const choice = h(
    "select",
    {
      onchange: () => {
        const pair = pairs[choice.selectedIndex];
        if (pair) chart.show(latency(run, pair.from, pair.to));
      },
    },
    pairs.map((pair) => h("option", {}, `${pair.name} (${count(pair.count)})`)),
  );
  chart.element.querySelector("figcaption")?.append(" ", h("label", {}, h("span", { class: "hidden" }, "from and to"), choice));
  return chart.element;
}
