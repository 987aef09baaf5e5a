import { nameOf } from "../../cli/state";
import type { Graph } from "../graph";
import { type AbstractProgram, type Config, nodesIn, type Placeholder, variable } from "./plan";

/** A text as a template of Ansible: its placeholders become expressions, and all else stays as it is, braces too. */
export function templateOf(text: string, placeholders: readonly Placeholder[]): string {
  const found = placeholders.filter((placeholder) => text.includes(placeholder.text));
  const pieces =
    found.length > 0 ? text.split(new RegExp(`(${found.map((placeholder) => placeholder.text).join("|")})`)) : [text];
  return pieces
    .map((piece) => {
      const expression = found.find((placeholder) => placeholder.text === piece)?.expression;
      return expression === undefined ? piece.replace(/\{(?=[{%#])/g, '{{ "{" }}') : `{{ ${expression} }}`;
    })
    .join("");
}

/** By a command's name: the commands that it waits for, also by what lies between. */
export function commandsBefore(
  { waitsFor }: Pick<Graph, "waitsFor">,
  isCommand: (name: string) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const before = new Map<string, readonly string[]>();
  const reached = new Map<string, readonly string[]>();
  // What a resource waits for stands before it.
  for (const [urn, others] of waitsFor) {
    const all = [...new Set(others.flatMap((other) => reached.get(other) ?? []))];
    const name = nameOf(urn);
    reached.set(urn, isCommand(name) ? [name] : all);
    if (isCommand(name)) {
      before.set(name, all);
    }
  }
  return before;
}

type Task = Readonly<Record<string, unknown>>;

/** What a task does that runs a command here, in the playbook's directory. A lookup takes less than a module. */
const here = (command: string): Task => ({
  "ansible.builtin.debug": { msg: `{{ lookup("pipe", ${JSON.stringify(command)}) }}` },
});

/**
 * The tasks of each node: its commands in their order. Ansible runs a host's tasks one after the other, and all hosts side by side
 * (strategy free). Where a command waits for another node's, its node waits for a mark of that one. To wait for the last one of a node
 * is to wait for all before it.
 *
 * @param operations in an order in which none stands before what it waits for
 * @param before what each waits for
 */
export function tasksOf(
  { operations, placeholders }: AbstractProgram,
  before: ReadonlyMap<string, readonly string[]>,
): Readonly<Record<string, readonly Task[]>> {
  const places = new Map(operations.map(({ name, node }, place) => [name, { name, node, place }] as const));
  const seen = new Map<string, number>();
  const waits = operations.map(({ name, node }) => {
    const latest = new Map<string, string>();
    (before.get(name) ?? [])
      .flatMap((other) => places.get(other) ?? [])
      .sort((a, b) => a.place - b.place)
      .filter((other) => other.node !== node && other.place > (seen.get(`${node} ${other.node}`) ?? -1))
      .forEach((other) => {
        latest.set(other.node, other.name);
        seen.set(`${node} ${other.node}`, other.place);
      });
    return [...latest.values()];
  });
  const awaited = new Set(waits.flat());
  const tasks: Record<string, Task[]> = {};
  operations.forEach(({ name, node, command, stdin }, place) => {
    (tasks[node] ??= []).push(
      ...(waits[place] ?? []).map((other) => ({
        name: `${name} waits for ${other}`,
        ...here(`timeout 1800 sh -c 'until [ -e marks/${other} ]; do sleep 0.1; done'`),
      })),
      {
        name,
        "ansible.builtin.shell": {
          cmd: templateOf(command, placeholders),
          ...(stdin && { stdin: templateOf(stdin, placeholders), stdin_add_newline: false }),
        },
        register: variable(name),
        // Ansible would write it to the node's log.
        ...(stdin && { no_log: true }),
      },
      ...(awaited.has(name) ? [{ name: `${name} has ended`, ...here(`touch marks/${name}`) }] : []),
    );
  });
  return tasks;
}

/** The files of a playbook that runs these tasks, by their names. */
export function playbookFiles(
  tasks: Readonly<Record<string, readonly Task[]>>,
  config: Config,
  work: string,
): Readonly<Record<string, string>> {
  const play = {
    hosts: "all",
    gather_facts: false,
    strategy: "free",
    tasks: [{ "ansible.builtin.include_tasks": "{{ inventory_hostname }}.json" }],
  };
  const key = config["smt-ha:sshPrivateKeyFile"]?.value ?? "";
  return {
    "playbook.json": JSON.stringify([play]),
    ...Object.fromEntries(Object.entries(tasks).map(([node, own]) => [`${node}.json`, JSON.stringify(own)])),
    hosts: nodesIn(config)
      .map(
        ({ name, address }) =>
          `${name} ansible_host=${address} ansible_user=root ansible_ssh_private_key_file=${key} ansible_python_interpreter=/usr/bin/python3\n`,
      )
      .join(""),
    "ansible.cfg": `[defaults]
home = ${work}/ansible
forks = 50
host_key_checking = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=/dev/null
`,
  };
}
