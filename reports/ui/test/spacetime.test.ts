import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromBase64 } from "../src/decode/base64";
import { gunzip } from "../src/decode/gunzip";
import { Piece } from "../src/decode/piece";
import { lifeLine, summary } from "../src/model/lifeline";
import { bundles, nowAt } from "../src/model/links";
import { Run } from "../src/model/run";
import { firstFrom, RowsBy } from "../src/model/search";
import { replay, throughput } from "../src/model/series";
import { arrival, density, EXACT, visible } from "../src/views/spacetime/detail";
import { clipped } from "../src/views/spacetime/draw";
import { distance } from "../src/views/spacetime/pick";
import { layOut, levels } from "../src/views/spacetime/rows";
import { around, panned, SHORTEST, tOf, xOf, zoomed } from "../src/views/spacetime/scale";

async function failing(): Promise<Run> {
  const file = readFileSync(join(import.meta.dirname, "data/run-1.data.gz"));
  return new Run("run-1", new Piece(await gunzip(fromBase64(file.toString("base64")))));
}

describe("time on the screen", () => {
  it("goes there and back", () => {
    const scale = { from: 1e9, to: 3e9, width: 800 };
    expect(xOf(scale, 2e9)).toBe(400);
    expect(tOf(scale, 200)).toBe(1.5e9);
  });

  it("zooms around a point that stays, never beyond the run, never below a microsecond", () => {
    expect(zoomed(0, 1e9, 0.5, 1e9, 1e10)).toEqual({ from: 5e8, to: 1e9 });
    expect(zoomed(0, 1e9, 100, 5e8, 1e10)).toEqual({ from: 0, to: 1e10 });
    const near = zoomed(500, 500 + SHORTEST, 0.01, 700, 1e10);
    expect(near.to - near.from).toBe(SHORTEST);
  });

  it("moves, but not out of the run", () => {
    expect(panned(0, 1e9, -0.5, 1e10)).toEqual({ from: 0, to: 1e9 });
    expect(panned(8e9, 1e10, 0.5, 1e10)).toEqual({ from: 8e9, to: 1e10 });
  });

  it("shows something with room around it", () => {
    const { from, to } = around(4e9, 5e9, 1e10);
    expect(from).toBeLessThan(4e9);
    expect(to).toBeGreaterThan(5e9);
  });
});

describe("level of detail", () => {
  it("finds rows by time and by message", () => {
    expect(firstFrom(Float64Array.of(1, 3, 3, 7), 3)).toBe(1);
    expect(firstFrom(Float64Array.of(1, 3, 3, 7), 8)).toBe(4);
    const by = new RowsBy(Float64Array.of(2, 0, 2, 1), 3);
    expect([[...by.of(0)], [...by.of(1)], [...by.of(2)]]).toEqual([[1], [3], [0, 2]]);
  });

  it("holds what began before and arrives in the part that is shown", async () => {
    const run = await failing();
    const row = run.crossings.took.findIndex((took) => took > 1e6);
    const middle = ((run.crossings.t[row] as number) + arrival(run, row)) / 2;
    expect([...visible(run, middle, middle + 1, () => true).crossings]).toContain(row);
    expect(visible(run, middle, middle + 1, () => true).exact).toBe(true);
  });

  it("is exact up to a number of things", async () => {
    const run = await failing();
    const all = visible(run, 0, run.end, () => true);
    expect(all.events.length).toBe(run.events.rows);
    expect(all.exact).toBe(all.events.length + all.crossings.length <= EXACT);
    expect(visible(run, 0, run.end, () => false).events.length).toBe(0);
  });

  it("counts each thing once", () => {
    const { counts, most } = density(Float64Array.of(0, 10, 11, 99, 200), Float64Array.of(0, 1, 1, 1, 1), Int32Array.of(0, 1, 2, 3, 4), 2, { from: 0, to: 100, width: 10 });
    expect(most).toBe(2);
    expect([...counts]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it("puts what overlaps into several levels", () => {
    expect(levels([{ since: 0, until: 5 }, { since: 3, until: 4 }, { since: 5, until: 6 }])).toEqual([0, 1, 0]);
  });

  it("gives every lane a row of its own, and hides clients if asked", async () => {
    const run = await failing();
    const rows = layOut(run, 50, true);
    expect(new Set(rows.rows.map((row) => row.y)).size).toBe(rows.rows.length);
    expect(layOut(run, 50, false).rows.every((row) => row.node)).toBe(true);
  });

  it("clips texts of any length to any width, and ends", () => {
    for (const text of ["", "ab", "abcd", "a long text of a fault"]) {
      for (let width = 0; width < 30; width++) expect(clipped(text, width, (part) => part.length).length).toBeLessThanOrEqual(width);
    }
    expect(clipped("abcdefgh", 6, (part) => part.length)).toMatch(/^abc.*…$/);
  });

  it("measures how far a line is", () => {
    expect(distance(5, 3, 0, 0, 10, 0)).toBe(3);
    expect(distance(13, 4, 0, 0, 10, 0)).toBe(5);
  });
});

describe("the life-line", () => {
  it("goes from the publisher to who got it or lost it, in order of time", async () => {
    const run = await failing();
    const witness = run.head.guarantees.flatMap((one) => one.first?.witnesses ?? []).find((one) => one.msg > 0);
    const steps = lifeLine(run, witness?.msg ?? 0);
    expect(steps[0]?.sort).toBe("published");
    expect(steps.some((step) => step.sort === "lost")).toBe(true);
    expect(steps.every((step, place) => place === 0 || step.t >= (steps[place - 1]?.t ?? 0))).toBe(true);
    expect(summary(run, witness?.msg ?? 0, steps)).toContain("It was lost for");
  });

  it("tells a replay from a first sending", async () => {
    const run = await failing();
    const ways = Array.from({ length: run.messages.rows }, (_, row) => lifeLine(run, row + 1));
    const replayed = ways.flat().filter((step) => step.sort === "replayed");
    expect(replayed.length).toBeGreaterThan(0);
    expect(ways.flat().filter((step) => step.sort === "sent").length).toBeGreaterThan(0);
    const first = ways.find((steps) => steps.some((step) => step.sort === "replayed"));
    expect(first?.find((step) => step.sort === "kept")?.t).toBeLessThan(first?.find((step) => step.sort === "replayed")?.t ?? 0);
  });
});

describe("the state at the cursor", () => {
  it("a partition cuts the links, and they come back", async () => {
    const run = await failing();
    const cut = run.head.faults.find((fault) => fault.kind === "partition");
    if (!cut) throw new Error("the run has no partition");
    expect(nowAt(run, cut.since + 1).links.filter((link) => link.state === "cut").length).toBeGreaterThan(0);
    expect(nowAt(run, run.end - 1).links.every((link) => link.state === "up")).toBe(true);
  });

  it("bundles hold all links, and the worst state is theirs", async () => {
    const run = await failing();
    const cut = run.head.faults.find((fault) => fault.kind === "partition");
    const now = nowAt(run, (cut?.since ?? 0) + 1);
    const all = bundles(run, now);
    expect(all.reduce((sum, one) => sum + one.links, 0)).toBe(now.links.length);
    expect(all.find((one) => one.a !== one.b)).toMatchObject({ state: "cut", since: cut?.since });
    expect(bundles(run, nowAt(run, run.end - 1)).every((one) => one.state === "up" && one.count === one.links)).toBe(true);
  });

  it("rates are of all messages", async () => {
    const run = await failing();
    const chart = throughput(run);
    const published = chart.series.find((one) => one.name === "published")?.values ?? [];
    const width = run.head.buckets.width_ns / 1e9;
    expect(Math.round(published.reduce((sum: number, value) => sum + (value ?? 0) * width, 0))).toBe(run.messages.rows);
    expect(replay(run).series.length).toBeGreaterThan(0);
  });
});
