/** A metric as Prometheus reads it. */
export interface Family {
  readonly help: string;
  readonly type: string;
  /** Values by the labels, `name="value",…`. */
  readonly samples: Readonly<Record<string, number>>;
}

const metricName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*"`;
const sample = new RegExp(`^(${metricName})\\{(${label}(?:,${label})*)\\} (\\S+)$`);
const number = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/;

/**
 * Reads Prometheus's text format 0.0.4 as strictly as it can be read: each metric once and in one piece, with HELP before TYPE
 * before its samples, each sample with labels, once and without a time, which the textfile collector refuses.
 *
 * @throws at the first line that is anything else
 */
export function parseExposition(text: string): Record<string, Family> {
  if (!text.endsWith("\n")) {
    throw new Error("the last line does not end");
  }
  const families: Record<string, { help: string; type: string; samples: Record<string, number> }> = {};
  let current = "";
  let state: "sample" | "help" | "type" = "sample";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, comment, name, rest] = new RegExp(`^# (HELP|TYPE) (${metricName}) (.+)$`).exec(line) ?? [];
    const [, sampled, labels, value] = sample.exec(line) ?? [];
    if (comment === "HELP" && state === "sample" && !(name in families) && !/\\(?![\\n])/.test(rest)) {
      families[name] = { help: rest, type: "", samples: {} };
      [current, state] = [name, "help"];
    } else if (comment === "TYPE" && state === "help" && name === current && /^(gauge|counter|untyped)$/.test(rest)) {
      families[current].type = rest;
      state = "type";
    } else if (
      sampled === current &&
      state !== "help" &&
      number.test(value) &&
      !(labels in families[current].samples) &&
      new Set(labels.match(/[a-zA-Z0-9_]+(?==")/g)).size === (labels.match(new RegExp(label, "g")) ?? []).length
    ) {
      families[current].samples[labels] = Number(value.replace("Inf", "Infinity"));
      state = "sample";
    } else {
      throw new Error(`Prometheus refuses: ${line}`);
    }
  }
  if (state !== "sample") {
    throw new Error(`${current} has no samples`);
  }
  return families;
}
