import { describe, expect, it } from "vitest";
import { bytes, count, duration, niceStep, percent, time, visible } from "../src/format";
import { fromHash, toHash } from "../src/store";

const spaced = (text: string) => text.replaceAll("\u202f", " ");

describe("numbers for people", () => {
  it("times are as exact as they are asked to be", () => {
    expect(spaced(time(13_690_702_001, 9))).toBe("13.690702001 s");
    expect(spaced(time(999, 6))).toBe("0.000000 s");
    expect(spaced(time(2 ** 53 - 1, 9))).toBe("9007199.254740991 s");
  });

  it("durations have three digits", () => {
    expect(["44336789", "1000000", "999", "20000000000", "1500", "999999"].map((ns) => spaced(duration(Number(ns))))).toEqual(["44.3 ms", "1 ms", "999 ns", "20 s", "1.5 µs", "1 000 µs"]);
  });

  it("counts, bytes, parts", () => {
    expect(spaced(count(1234567))).toBe("1 234 567");
    expect(spaced(bytes(5547109))).toBe("5.29 MiB");
    expect(spaced(percent(1_000_000))).toBe("100 %");
    expect(spaced(percent(999_990))).toBe("99.999 %");
  });

  it("marks stand at round places", () => {
    expect(niceStep(74.8e9, 10)).toBe(1e10);
    expect(niceStep(3000, 10)).toBe(500);
  });

  it("what would hide a text is shown", () => {
    expect(visible("a\u202eb\u0000c")).toBe("a\\u202eb\\u0000c");
  });
});

describe("the address", () => {
  it("says what is looked at, and is read again", () => {
    const hash = toHash({ piece: "run-0", t: 13690702000, from: 1, to: 20, msg: 5, lane: 3 }, () => "14.1.539");
    expect(fromHash(hash)).toEqual({ piece: "run-0", t: 13690702000, from: 1, to: 20, msg: "14.1.539", lane: 3 });
  });

  it("what makes no sense is left out", () => {
    expect(fromHash("#t=-5&zoom=9-3&msg=<b>&lane=x")).toEqual({});
  });
});
