import type { Problems } from "./problems";
import { optional, secret, text, type Checked, type Group, type Values } from "./rules";
import type { DatabaseConfig } from "./stackConfig";

export const databaseGroup = {
  heading: "The database",
  keys: {
    databaseRootPassword: {
      ...secret(optional(text("the password of the database's root, on one line", ""))),
      default: "",
      description: "Password of the database's root on the SMT nodes. Empty: root logs in without one, as on Debian.",
    },
    databaseWinner: {
      ...optional(text("the name of an SMT node", "node1")),
      default: "",
      description:
        "SMT node whose data all nodes get if another node has registrations that it lacks; pulumi up then drops these, after a backup on their node. Empty: pulumi up refuses to drop any.",
    },
  },
} as const satisfies Group;

type DatabaseKeys = typeof databaseGroup.keys;

/**
 * Refuses a winner that is no SMT node.
 *
 * @param smtNodes names of the SMT nodes
 */
export function checkDatabase(
  { databaseWinner }: Checked<DatabaseKeys>,
  smtNodes: readonly string[],
  problems: Problems,
): void {
  if (databaseWinner && !smtNodes.includes(databaseWinner)) {
    problems.refuse("databaseWinner", `must be the name of an SMT node: ${smtNodes.join(", ")}`, { set: "''" });
  }
}

export const databaseConfig = (values: Values<DatabaseKeys>): DatabaseConfig => ({
  rootPassword: values.databaseRootPassword,
  winner: values.databaseWinner,
});
