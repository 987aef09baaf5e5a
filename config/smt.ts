import type { Repository } from "../components/smtRepositories";
import type { Problems } from "./problems";
import { repositoriesKey } from "./repositories";
import { flag, integer, lineOfText, optional, secret, text, type Group, type Values } from "./rules";
import type { SmtConfig } from "./stackConfig";

export const smtGroup = {
  heading: "SMT",
  keys: {
    smtUid: {
      ...integer(1, 65533, 480),
      default: 480,
      description: "User ID of the user smt, the same on every SMT node because they share its files.",
    },
    nuUser: {
      ...optional(lineOfText("the user name of the mirror credentials", "UC1234567")),
      default: "",
      description:
        "User name of the mirror credentials. Required with repositories; with SMT 11, any name will do if all are custom. " +
        "SMT 12 needs them to get the list of products too.",
    },
    nuPassword: {
      ...secret(optional(lineOfText("the password that belongs to nuUser", ""))),
      default: "",
      description: "Password of the mirror credentials. Required with nuUser.",
    },
    mirrorSources: {
      ...flag(false),
      default: false,
      description: "Whether SMT mirrors source packages too.",
    },
    mirrorTime: {
      ...text("a time of day, HH:MM", "01:00", /^([01]\d|2[0-3]):[0-5]\d$/),
      default: "01:00",
      description: "Time of day, HH:MM, at which one SMT node mirrors every night, by its local time.",
    },
    repositories: repositoriesKey,
  },
} as const satisfies Group;

/**
 * Refuses missing mirror credentials.
 *
 * @param mirrors whether repositories is set
 */
export function checkMirrorCredentials(mirrors: boolean, problems: Problems): void {
  const credentials = ["nuUser", "nuPassword"];
  if (!mirrors) {
    problems.requireTogether(credentials);
    return;
  }
  // SMT's mirror command gives up if one of them is empty, even if all repositories are custom.
  for (const key of credentials.filter((name) => problems.isEmpty(name))) {
    const why = "without mirror credentials SMT mirrors nothing, not even custom repositories";
    problems.refuse(key, `is required when repositories is set: ${why}`);
  }
}

export const smtConfig = (
  values: Values<Omit<typeof smtGroup.keys, "repositories">>,
  repositories: readonly Repository[],
): SmtConfig => ({
  uid: values.smtUid,
  credentials: values.nuUser && values.nuPassword ? { user: values.nuUser, password: values.nuPassword } : undefined,
  mirrorSources: values.mirrorSources,
  mirrorTime: values.mirrorTime,
  repositories,
});
