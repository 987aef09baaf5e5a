import { baseServices, OcfsMount, OcfsMountArgs } from "../../components/ocfsMount";
import { platforms } from "../../components/platform";
import { clusterNodes, haeCluster, marker } from "../support/clusterNodes";
import { record, Recording } from "../support/recorder";

const services = (...directors: string[]): string =>
  baseServices(platforms.debian12, {
    device: "/dev/data",
    mountPoint: "/smt",
    smtNodes: ["node1", "node2"],
    directors,
  });

const mount = (args: Partial<OcfsMountArgs> = {}): Promise<Recording> =>
  record(() => {
    const nodes = clusterNodes(["smt", "smt", "director"]);
    const cluster = haeCluster(nodes);
    new OcfsMount("smt-mount", {
      cluster,
      clusterName: "smtha",
      smtNodes: nodes.slice(0, 2),
      directors: nodes.slice(2),
      data: { path: "/dev/data", ready: [marker("partitions")] },
      mountPoint: "/smt",
      slots: 8,
      wipe: false,
      ...args,
    });
  });

describe("the component", () => {
  test("formats on one node, configures after it, and verifies on the SMT nodes only", async () => {
    const recording = await mount();
    expect(recording.find("OcfsMount smt-mount").type).toBe("smt-ha:disk:OcfsMount");
    expect(recording.below("OcfsMount smt-mount").sort()).toEqual([
      "Command node1-cluster-configure-base-services",
      "Command node1-ocfs-format",
      "Command node1-ocfs-verify",
      "Command node2-ocfs-verify",
    ]);
    expect(recording.find("Command node1-ocfs-format").inputs.create).toBe(
      "smt-ha ocfs/format --device /dev/data --cluster smtha --label smt --slots 8 --wipe no --rev REV",
    );
    const configure = recording.find("Command node1-cluster-configure-base-services");
    expect(configure.inputs.stdin).toBe(`@@ crm\n${services("node3")}`);
    expect(configure.after).toEqual(
      expect.arrayContaining(["Command node1-cluster-configure-fencing", "Command node1-ocfs-format"]),
    );
    // mkfs needs the disk alone: it runs while the cluster forms.
    expect(recording.find("Command node1-ocfs-format").after).toEqual([
      "Command node1-install",
      "Command node1-node-hosts",
      "Command node1-node-packages",
      "Command partitions",
    ]);
    for (const node of ["node1", "node2"]) {
      const { inputs, after } = recording.find(`Command ${node}-ocfs-verify`);
      expect(inputs.create).toBe("smt-ha ocfs/verify --mount /smt --rev REV");
      expect(after).toContain("Command node1-cluster-configure-base-services");
    }
  });

  test("wipes only if wipe is set", async () => {
    const recording = await mount({ wipe: true, slots: 4 });
    expect(recording.find("Command node1-ocfs-format").inputs.create).toContain("--slots 4 --wipe yes ");
  });
});

describe("the cluster's configuration of it", () => {
  test("with one director", () => expect(services("node3")).toMatchSnapshot());

  test("with two directors, each with a constraint of its own", () =>
    expect(services("node3", "node4")).toMatchSnapshot());
});
