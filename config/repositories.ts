import type { Repository } from "../components/smtRepositories";
import { readFields } from "./fields";
import type { Problems } from "./problems";
import { text, type Key } from "./rules";

export const repositoriesKey = {
  fields: {
    name: text("letters, digits, . _ and -", "SLES11-SP4-Pool", /^[\w.-]+$/),
    target: text("a target such as sle-11-x86_64", "sle-11-x86_64", /^[\w.-]+$/),
    productId: text(
      "a product as identifier/version/architecture, or its number in the customer center",
      "SLES/12.5/x86_64",
      /^([1-9]\d{0,8}|[\w.-]+(\/[\w.-]+){2})$/,
    ),
    description: text("a text on one line, without |", "'In-house packages'", /^(?=[\t\P{Cc}]+$)(?!.*\|)\S(.*\S)?$/u),
    url: text(
      "an http, https, ftp or file URL without credentials",
      "https://rpm.example.com/tools",
      /^(https?|ftp|file):\/\/(?![^/]*@)[^\s|\p{Cc}]+$/u,
    ),
  },
  default: [],
  description:
    "The repositories to mirror. Each has a name and, unless upstream lists it without one, a target, both as smt-repos lists them. " +
    "A custom repository has a name, a productId, a description and a url instead. Its productId is a product as " +
    "identifier/version/architecture, such as SLES/12.5/x86_64, or with SMT 11 the product's number.",
} as const satisfies Key;

/** Fields that only a custom repository has; it must have all of them. */
const customFields = ["productId", "description", "url"] as const;

/** The repositories of the list. Placeholders stand for values that have been refused. */
export function readRepositories(list: readonly unknown[], problems: Problems): readonly Repository[] {
  const repositories = list.map((item, index) => readRepository(`repositories[${index}]`, item, problems));
  repositories.forEach(({ name, target }, index) => {
    const first = repositories.findIndex((other) => other.name === name && other.target === target);
    if (name && first !== index) {
      problems.refuse(`repositories[${index}]`, `must differ from repositories[${first}]`, {
        found: `is ${JSON.stringify(name)}`,
        remove: true,
      });
    }
  });
  return repositories;
}

function readRepository(key: string, item: unknown, problems: Problems): Repository {
  const isCustom = typeof item === "object" && item !== null && customFields.some((field) => field in item);
  const required = isCustom ? (["name", ...customFields] as const) : (["name"] as const);
  const {
    name = "",
    target,
    productId = "",
    description = "",
    url = "",
  } = readFields(key, item, repositoriesKey.fields, required, problems);
  if (!isCustom) {
    return { name, target };
  }
  if (target) {
    problems.refuse(`${key}.target`, "must not be set with url: the product determines it", { remove: true });
  }
  if (name.includes(".")) {
    problems.refuse(`${key}.name`, "must be letters, digits, _ and - for a custom repository", {
      set: name.replace(/\./g, "-"),
    });
  }
  return { name, custom: { productId, description, url } };
}
