import * as fs from "fs";
import * as path from "path";
import { configFile, inLab, must, onNode, report, root, run } from "./lab";

const nodes = ["node1", "node2", "node3"];
const settings = { name: "smt-ha.lab", gateway: "192.0.2.1", prefixLength: 24 };

/** The machines and the program's promises about them. */
export function machines(): void {
  describe("the machines", () => {
    test("are what the configuration says", () => {
      nodes.forEach((node, index) => {
        expect(onNode(node, "hostname; nproc; ip -4 -br addr show eth0")).toMatch(
          new RegExp(`^${node}\n1\neth0 +UP +192\\.0\\.2\\.1${index + 1}/${settings.prefixLength}`),
        );
        expect(onNode(node, "ip route show default")).toContain(`via ${settings.gateway} `);
        expect(Number(onNode(node, "awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo"))).toBeGreaterThan(1300);
        expect(Number(onNode(node, "awk '/MemTotal/ {print int($2/1024)}' /proc/meminfo"))).toBeLessThan(1537);
      });
    });

    test("know each other by name", () => {
      for (const node of nodes) {
        for (const peer of nodes) {
          expect(onNode(node, `getent ahostsv4 ${peer}.${settings.name} | head -n 1`)).toMatch(/^192\.0\.2\.1[123] /);
        }
      }
    });

    test("have one time", () => {
      const clocks = nodes.map((node) => Number(onNode(node, "chronyc -n tracking | awk '/System time/ {print $4}'")));
      for (const offset of clocks) {
        expect(offset).toBeLessThan(0.5);
      }
    });
  });

  describe("the program", () => {
    test("changes nothing in a second up", () => {
      const { code, output, seconds } = run("make", "up");
      report("up with nothing to do", `${seconds} s`);
      expect(code).toBe(0);
      expect(output).toMatch(/Resources:\s+\d+ unchanged\s/);
    });

    test("runs a changed script again, and only that; a preview shows its command and no secret", () => {
      const script = path.join(root, "files", "steps", "node", "time");
      const before = fs.readFileSync(script);
      try {
        fs.appendFileSync(script, "# changed\n");
        const preview = must("lab/stack", "dev", "preview", "--diff");
        const changed = [
          ...preview.matchAll(/~ command:remote:\w+: \(update\)\s+\[id=\S+\]\s+\[urn=\S+::(\S+)\]/g),
        ].map((match) => match[1]);
        const steps = nodes.flatMap((node) => [`${node}-files`, `${node}-install`, `${node}-node-time`]);
        expect(changed.sort()).toEqual(steps.sort());
        expect(preview).toMatch(/smt-ha node\/time --servers 192\.0\.2\.1 --rev [0-9a-f]{8}/);
        expect(preview).not.toMatch(/lab-only|PRIVATE KEY/);
      } finally {
        fs.writeFileSync(script, before);
      }
    });

    test("takes hosts that exist already, and leaves them as they are", () => {
      const file = path.join(root, "Pulumi.existing.yaml");
      fs.copyFileSync(configFile("existing", { "smt-ha:machines": "existing", "vsphere:password": null }), file);
      try {
        // Without the disk and the cluster, which are another stack's and would rightly be refused, and what that has set up.
        const others = ["IscsiSharedDisk", "HaeCluster", "OcfsMount", "SmtNode", "CertificateAuthority"];
        const excluded = others.flatMap((component) => ["--exclude", `**${component}**`]);
        const up = run("lab/stack", "existing", "up", ...excluded, "--exclude-dependents");
        expect(up.output).not.toContain("vsphere:index");
        expect(up.code).toBe(0);
        must("lab/stack", "existing", "down");
      } finally {
        fs.rmSync(file);
      }
      expect(onNode("node1", "hostname")).toBe("node1");
    });

    test("leaves the shared disk as it is when it is destroyed", () => {
      onNode("node1", "dd if=/dev/urandom of=/tmp/marker bs=64k count=1 status=none && sync");
      // A cluster takes minutes to stop on all nodes at once.
      nodes.forEach((node) => must("lab/vcenter", "power-off", node));
      must("lab/stack", "dev", "down");
      expect(must("lab/vcenter", "list")).not.toMatch(/node\d/);
      expect(
        inLab(`sfdisk -d ${path.join(process.env.SMT_HA_LAB ?? path.join(root, ".lab"), "san", "shared.img")}`),
      ).toMatch(/smtha-sbd[^]*smtha-data/);
    });

    test("leaves nothing behind after make down", () => {
      const processes = must("ip", "netns", "pids", "smt-ha-lab").split("\n");
      expect(processes.length).toBeGreaterThan(1);
      must("make", "down");
      expect(run("ip", "netns", "list").output).not.toContain("smt-ha-lab");
      expect(processes.filter((pid) => fs.existsSync(`/proc/${pid}/exe`))).toEqual([]);
      expect(fs.existsSync(path.join(root, ".lab"))).toBe(false);
    });
  });
}
