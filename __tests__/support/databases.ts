import * as fs from "fs";
import { DatabaseNode, DatabaseStack, sharedFolder } from "./databaseNode";

// The databases of a test file, and the stack that they are in. Each file of tests has its own.

// Real servers start, stop and wait for each other.
jest.setTimeout(300_000);

/** What the nodes have as /smt. */
export const shared = sharedFolder();
export const nodes: DatabaseNode[] = [];
export const stack = new DatabaseStack();

afterAll(async () => {
  await Promise.all(nodes.map(({ node }) => node.stop()));
  fs.rmSync(shared, { recursive: true });
});

/** Adds a fresh node, or puts one in the place of a node that is lost. */
export async function startNode(number: number): Promise<void> {
  await nodes[number - 1]?.node.stop();
  const fresh = await DatabaseNode.start(number, shared);
  nodes[number - 1] = fresh;
  stack.forget(fresh.name);
  nodes.find((other) => other !== fresh)?.node.connect(fresh.node);
}

/** Starts so many nodes, of a new stack. */
export async function startNodes(count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    await startNode(number);
  }
}

/** These steps of these nodes, as an up lists what it ran. */
export const stepsOf = (names: string, steps: string): string[] =>
  names
    .split(" ")
    .flatMap((node) => steps.split(" ").map((step) => `${node} database/${step}`))
    .sort();

/** Expects that all nodes have exactly these clients, soon. */
export async function allHave(...guids: string[]): Promise<void> {
  const sorted = [...guids].sort();
  await Promise.all(nodes.map((node) => node.awaitClients(sorted)));
  const wanted = JSON.stringify(nodes.map(() => sorted));
  const found = (): string => JSON.stringify(nodes.map((node) => node.clients()));
  expect([found(), ...nodes.map((node) => node.link("Last_Error"))]).toEqual([wanted, ...nodes.map(() => "")]);
}
