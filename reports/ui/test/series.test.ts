import { describe, expect, it } from "vitest";
import { Batch, hasBit, letters } from "../src/model/batch";
import type { Piece } from "../src/decode/piece";
import type { Run } from "../src/model/run";
import { faultWindows } from "../src/model/run";
import { backlog, latency } from "../src/model/series";

/** As much of a run as charts look at. */
function runWith(depths: [t: number, what: number, lane: number, peer: number, messages: number][]): Run {
  const column = (place: number) => Float64Array.from(depths.map((row) => row[place] as number));
  const zero = new Float64Array(depths.length);
  return {
    end: 100,
    head: { depths: ["client", "node", "buffer"], faults: [], buckets: { width_ns: 10, count: 10 } },
    depths: { rows: depths.length, t: column(0), what: column(1), lane: column(2), peer: column(3), messages: column(4), bytes: zero },
    latency: { rows: 1, from: Float64Array.of(0), to: Float64Array.of(1), bucket: Float64Array.of(4), count: Float64Array.of(1), least: Float64Array.of(7), p50: Float64Array.of(7), p90: Float64Array.of(7), p99: Float64Array.of(7), most: Float64Array.of(9) },
    laneName: (lane: number) => `n${lane}`,
  } as unknown as Run;
}

describe("backlog", () => {
  it("is as steps, one line for each who waits for whom, the longest first", () => {
    const { times, series } = backlog(runWith([[10, 2, 1, 2, 3], [20, 2, 3, 4, 50], [30, 2, 1, 2, 0]]), ["buffer"], "messages");
    expect(times.map((t) => Math.round(t * 1e9))).toEqual([0, 10, 20, 30, 100]);
    expect(series).toEqual([
      { name: "n3 for n4", values: [0, 0, 50, 50, 50] },
      { name: "n1 for n2", values: [0, 3, 3, 0, 0] },
    ]);
  });

  it("what comes and goes at once is seen", () => {
    const { times, series } = backlog(runWith([[10, 2, 1, 2, 7], [10, 2, 1, 2, 0]]), ["buffer"], "messages");
    expect(times.map((t) => Math.round(t * 1e9))).toEqual([0, 10, 11, 100]);
    expect(series[0]?.values).toEqual([0, 7, 0, 0]);
  });

  it("what never waited is no line", () => {
    expect(backlog(runWith([[10, 2, 1, 2, 0], [10, 0, 1, 2, 5]]), ["buffer"], "messages").series).toEqual([]);
  });
});

it("latency has gaps where nothing was delivered", () => {
  const { series } = latency(runWith([]), 0, 1);
  expect(series.find((one) => one.name === "the slowest")?.values).toEqual([null, null, null, null, 9, null, null, null, null, null]);
});

it("windows of faults that touch are one", () => {
  const fault = (since: number, until: number | null) => ({ since, until });
  const run = { head: { faults: [fault(30, 40), fault(0, 10), fault(5, 20), fault(35, null)] }, faultUntil: (one: { until: number | null }) => one.until ?? 99 } as unknown as Run;
  expect(faultWindows(run)).toEqual([{ since: 0, until: 20 }, { since: 30, until: 99 }]);
});

describe("a batch", () => {
  it("reads bits beyond 32", () => {
    expect([0, 1, 40, 41].map((bit) => hasBit(2 ** 40 + 1, bit))).toEqual([true, false, true, false]);
  });

  it("calls signatures by letters", () => {
    expect([0, 25, 26, 51, 52].map(letters)).toEqual(["A", "Z", "AA", "AZ", "BA"]);
  });

  it("makes a seed's replay of another's, and its hash of two halves", () => {
    const columns = { state: [0], families: [5], hash_high: [0xab], hash_low: [0xffffffff] } as Record<string, number[]>;
    const piece = {
      head: { signatures: [{ replay: "causeway-sim replay a.toml --seed 3" }], families: ["x", "y", "z"], states: ["held"] },
      table: (_: string, names: string[]) => Object.fromEntries([["rows", 1], ...names.map((name) => [name, Float64Array.from(columns[name] ?? [0])])]),
    } as unknown as Piece;
    const batch = new Batch(piece);
    expect(batch.replay(17)).toBe("causeway-sim replay a.toml --seed 17");
    expect(batch.hash(0)).toBe("000000abffffffff");
    expect(batch.families(0)).toEqual(["x", "z"]);
    expect(batch.state(0)).toBe("held");
  });
});
