import { bootOf, eventually, must, onNode, report, run } from "./lab";
import { sharedDisk } from "./state";

const nodes = ["node1", "node2", "node3"];

/** What lsblk says of the shared disk on a node: size and partition names. */
const partitions = (node: string): string =>
  onNode(node, `lsblk -bno SIZE,PARTLABEL ${sharedDisk} && ls ${sharedDisk}-part1 ${sharedDisk}-part2`);

/** The shared disk, as each node sees it. */
export function disk(): void {
  describe("the shared disk", () => {
    test("has the same two partitions, by the same names, on every node", () => {
      expect(partitions("node1")).toMatch(/smtha-sbd[^]*smtha-data/);
      expect(partitions("node2")).toBe(partitions("node1"));
      expect(partitions("node3")).toBe(partitions("node1"));
    });

    test("is reached under a name of its own by each node", () => {
      const initiators = nodes.map((node) => onNode(node, "cat /etc/iscsi/initiatorname.iscsi"));
      expect(initiators).toEqual(nodes.map((node) => `InitiatorName=iqn.2016-04.com.open-iscsi:smtha.${node}`));
    });

    test("keeps its CHAP secret to root, and out of logs and processes", () => {
      for (const node of nodes) {
        expect(onNode(node, "grep -rl lab-only-secret /etc /var /run /tmp /root /home 2>/dev/null; true")).toMatch(
          /^\/etc\/iscsi\/nodes\/\S+\/default$/,
        );
        expect(onNode(node, "stat -c %a%U /etc/iscsi/nodes/*/*/default")).toBe("600root");
      }
      expect(must("lab/stack", "dev", "stack", "export")).not.toContain("lab-only-secret");
    });

    test("comes back by itself after a reboot", async () => {
      const boot = bootOf("node2");
      // As if it were safe to start the cluster at once: it then boots faster than the others fence it.
      onNode("node2", "touch /var/lib/smt-ha/stopped-in-order && sync");
      const start = Date.now();
      must("lab/vcenter", "reset", "node2");
      await eventually(240, () => {
        const now = onNode("node2", `cat /proc/sys/kernel/random/boot_id && test -b ${sharedDisk}-part2`);
        expect(now).not.toBe(boot);
      });
      report("reset to shared disk", `${Math.round((Date.now() - start) / 1000)} s`);
      expect(partitions("node2")).toBe(partitions("node1"));
    });

    test.each([
      ["another cluster", "other", /it holds a gpt partition table \(smtha-sbd,smtha-data\)/],
      [
        "another stack, whose cluster has the same name",
        "smtha",
        /cluster 'smtha' on it that may be another stack's: its mark/,
      ],
    ])("is refused to %s", (_, cluster, cause) => {
      const { code, output } = run(
        "lab/ssh",
        "node1",
        `smt-ha disk/partition --device ${sharedDisk} --cluster ${cluster} --id 0 --adopt no --wipe no`,
      );
      expect(code).not.toBe(0);
      expect(output).toMatch(cause);
    });
  });
}
