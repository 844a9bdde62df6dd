import { fromBase64 } from "./base64";
import { gunzip } from "./gunzip";
import { Piece } from "./piece";

/** The pieces that the page holds, by name, in the order in which they stand. Each is unpacked once, when it is asked for. */
export class PageData {
  readonly names: string[] = [];
  readonly #pieces = new Map<string, Promise<Piece>>();

  constructor(private readonly page: Document) {
    for (const element of page.querySelectorAll("script.causeway-data")) this.names.push(element.id.replace(/^data-/, ""));
  }

  piece(name: string): Promise<Piece> {
    let piece = this.#pieces.get(name);
    if (!piece) {
      const text = this.page.getElementById(`data-${name}`)?.textContent ?? "";
      piece = gunzip(fromBase64(text)).then((bytes) => new Piece(bytes));
      this.#pieces.set(name, piece);
    }
    return piece;
  }
}
