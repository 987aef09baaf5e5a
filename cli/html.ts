/** Text that is HTML or SVG already. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = string | number | Markup | readonly Part[];

/** Markup from a template. What is put in is text, unless it is markup; lists are joined. */
export const markup = (template: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(template.map((text, index) => text + (index < parts.length ? rendered(parts[index] ?? "") : "")).join(""));

function rendered(part: Part): string {
  if (part instanceof Markup) {
    return part.text;
  }
  return typeof part === "string" || typeof part === "number" ? escaped(String(part)) : part.map(rendered).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Also without control characters, which HTML may not hold. */
const escaped = (text: string): string => text.replace(/\p{Cc}/gu, " ").replace(/[&<>"']/g, (c) => entities[c] ?? c);
