/** What an administrator reads about a failure, beside what failed; the lines come in this order. */
export interface FailureLines {
  readonly cause?: string;
  /** A command where there is one. */
  readonly fix?: string;
  /** Whether the node is in service. */
  readonly node?: string;
  /** The command that goes on from here. */
  readonly next?: string;
}

/** Ends a command with exit code 1 and its message on stderr. It holds no secret. */
export class Failure extends Error {
  constructor(what: string, lines: FailureLines) {
    super([what, ...Object.entries(lines).map(([label, text]) => lineOf(label, String(text)))].join("\n"));
    this.name = "Failure";
  }

  /** The same failure with further lines. */
  with(lines: FailureLines): Failure {
    return new Failure(this.message, lines);
  }
}

/** A label and its text, in the form of the steps' failures: further lines of a text are indented. */
const lineOf = (label: string, text: string): string =>
  `  ${`${label}:`.padEnd(6)} ${text.trimEnd().replace(/\n/g, "\n         ")}`;
