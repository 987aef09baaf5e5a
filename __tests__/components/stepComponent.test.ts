import * as pulumi from "@pulumi/pulumi";
import type { ClusterNode } from "../../components/clusterNode";
import { type Ready, StepComponent } from "../../components/stepComponent";
import { clusterNodes, marker } from "../support/clusterNodes";
import { record } from "../support/recorder";

class TwoSteps extends StepComponent {
  readonly ready: Ready;

  constructor(node: ClusterNode, opts?: pulumi.ComponentResourceOptions) {
    super("test:TwoSteps", "two", opts);
    const first = this.step(node, "node/time", { label: "one" });
    this.ready = [this.step(node, "node/time", { label: "two" }, [first])];
  }
}

const after = async (dependsOn: () => pulumi.ComponentResourceOptions["dependsOn"]): Promise<(readonly string[])[]> => {
  const recording = await record(() => {
    const [node] = clusterNodes(["smt"]);
    new TwoSteps(node, { dependsOn: dependsOn() });
  });
  return ["one", "two"].map((label) => recording.find(`Command node1-node-time-${label}`).after);
};
const ready = ["Command node1-install", "Command node1-node-hosts", "Command node1-node-packages"];

test("a step waits for its node and for what it is given", async () => {
  expect(await after(() => undefined)).toEqual([ready, [...ready, "Command node1-node-time-one"]]);
});

test.each([
  ["one resource", () => marker("before")],
  ["a list", () => [marker("before")]],
  ["an output of a list", () => pulumi.output(Promise.resolve([marker("before")]))],
  ["a list of outputs", () => [pulumi.output(marker("before"))]],
] as const)("each step waits for the component's dependsOn: %s", async (_, dependsOn) => {
  const [one, two] = await after(dependsOn);
  expect(one).toEqual(["Command before", ...ready]);
  expect(two).toEqual(["Command before", ...ready, "Command node1-node-time-one"]);
});
