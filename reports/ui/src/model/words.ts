import { count, visible } from "../format";
import type { Run } from "./run";

/** A sentence, in parts: a part that names a message can be followed. */
export type Part = string | { msg: number };

/** What an event says, in the words of its kind. */
export function eventParts(run: Run, row: number): Part[] {
  const { events } = run;
  const at = (column: "lane" | "peer" | "msg" | "text" | "more" | "conn" | "n" | "m") => events[column][row] as number;
  // A subscription without a group has nothing to say of groups.
  const pattern = at("more") ? run.kind(row).words : run.kind(row).words.replace(/, group `\{more\}`/, "");
  return fillIn(pattern, (name) => {
    switch (name) {
      case "lane":
      case "peer":
        return run.laneName(at(name));
      case "msg":
        return at("msg") ? { msg: at("msg") } : "?";
      case "text":
      case "more":
        return visible(run.text(at(name)));
      case "conn":
      case "n":
      case "m":
        return count(at(name));
      default:
        return `{${name}}`;
    }
  });
}

/** What a crossing says. */
export function crossingParts(run: Run, row: number): Part[] {
  const { crossings } = run;
  const from = run.laneName(crossings.from[row] as number);
  const to = run.laneName(crossings.to[row] as number);
  const text = visible(run.text(crossings.text[row] as number));
  const lost = crossings.took[row] === 0 ? ", which is not known to have arrived" : "";
  if (crossings.what[row] === 1) {
    const wanted = crossings.n[row] as number;
    return [wanted === 0 ? `${from} tells ${to} that nobody wants \`${text}\` any more${lost}` : `${from} tells ${to} that ${count(wanted)} want \`${text}\`${lost}`];
  }
  return [`${from} sends ${to} message `, { msg: crossings.msg[row] as number }, ` on \`${text}\`${lost}`];
}

/** A sentence as one text. */
export function plain(run: Run, parts: Part[]): string {
  return parts.map((part) => (typeof part === "string" ? part : run.messageName(part.msg))).join("");
}

/** Fills the places of a pattern. */
function fillIn(pattern: string, value: (name: string) => Part): Part[] {
  return pattern.split(/(\{[a-z]+\})/).map((piece) => {
    const name = /^\{([a-z]+)\}$/.exec(piece)?.[1];
    return name ? value(name) : piece;
  });
}
