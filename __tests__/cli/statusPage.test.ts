import { findingsOf } from "../../cli/findings";
import { markup } from "../../cli/html";
import type { NodeAnswer } from "../../cli/nodeStatus";
import type { StatusReport } from "../../cli/overview";
import { statusPage } from "../../cli/statusPage";
import { statusText } from "../../cli/statusText";
import { answers, cluster, now, without } from "../support/nodeStatus";

const reportOf = (all: readonly NodeAnswer[], stack = "prod"): StatusReport => ({
  stack,
  time: now,
  answers: all,
  findings: findingsOf(all, now, "npx smt-ha"),
});

const evil = `<script>alert("1")</script>&'\u0007\u001b[31m`;
const evilAnswers = (): NodeAnswer[] =>
  answers({
    node1: {
      health: { status: 503, lines: [evil] },
      system: evil,
      revision: evil,
      fencing: { device: evil, slots: [] },
      shared: { systems: [{ directory: evil, free: 1, size: 4000 }] },
      mirror: { running: false, schedule: evil },
    },
    node2: { database: { follows: evil, receives: evil, applies: false, behind: 1, encrypted: true, error: evil } },
    node3: {
      address: { service: evil, interfaces: ["eth0"] },
      ...cluster({ failures: [evil], states: { node1: evil } }),
    },
  }).map((answer) => (answer.node.name === "node1" ? { ...answer, node: { ...answer.node, name: evil } } : answer));

describe("the page", () => {
  test("loads nothing and runs nothing", () => {
    const page = statusPage(reportOf(answers()));
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    // Neither addresses nor what could fetch one.
    expect(page).not.toMatch(
      /https?:\/\/|\/\/\w|url\((?!#tip\))|@import|<(script|link|img|iframe|object|embed|use|image|a)\b|\s(src|href|on\w+)=/i,
    );
  });

  test("shows texts of the nodes as texts", () => {
    const report = reportOf(evilAnswers(), evil);
    const page = statusPage(report);
    expect(report.findings.some(({ cause }) => cause.includes(evil))).toBe(true);
    expect(page).not.toContain("<script");
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(page.match(/&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;&amp;&#39;/g)?.length).toBeGreaterThan(10);
    // Every attribute is still one, and every element that is opened is closed.
    const elements = [...page.matchAll(/<(\/?)([a-z0-9]+)((?:\s[\w-]+(?:="[^"]*")?)*)\s*(\/?)>/gi)];
    expect(elements.length).toBe(page.match(/<[a-z/]/gi)?.length);
    const open: string[] = [];
    for (const [, closing, name, , empty] of elements) {
      if (closing) {
        expect([open.pop(), page.length]).toEqual([name, page.length]);
      } else if (!empty && !["meta", "br"].includes(name)) {
        open.push(name);
      }
    }
    expect(open).toEqual([]);
  });

  test("has the findings first, then the picture", () => {
    const page = statusPage(reportOf(without("node2", answers({ node1: { clock: { synchronised: false } } }))));
    const order = ["prod: 2 warnings", "does not answer: timed out", "fix: start node2", "<svg", "<h2>Nodes</h2>"];
    const places = order.map((text) => page.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test("is made for small screens and for the dark", () => {
    const page = statusPage(reportOf(answers()));
    expect(page).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect(page).toContain("@media (prefers-color-scheme: dark)");
    expect(page).toContain("color-scheme: light dark");
  });

  test("draws the nodes, the address, the ring and the disk", () => {
    const [svg] = /<svg[^]*<\/svg>/.exec(statusPage(reportOf(answers()))) ?? [];
    for (const text of ["node1", "node2", "node3", "192.0.2.10", "shared disk", "/smt: 75 % free", "SBD: 3 slots"]) {
      expect(svg).toContain(text);
    }
    // To each of two servers, with its connections to both ports; each database follows the other.
    expect(svg?.match(/class="way "/g)).toHaveLength(2);
    expect(svg).toContain(">10</text>");
    expect(svg?.match(/class="link"/g)).toHaveLength(2);
    expect(svg?.match(/class="mount"/g)).toHaveLength(2);
  });

  test("draws what is broken another way", () => {
    const link = { follows: "192.0.2.12", receives: "No", applies: false, behind: null, encrypted: true, error: "x" };
    const broken = answers({ node1: { database: link, shared: { systems: [] } } });
    const [svg] = /<svg[^]*<\/svg>/.exec(statusPage(reportOf(broken))) ?? [];
    expect(svg?.match(/class="link critical dashed"/g)).toHaveLength(1);
    expect(svg?.match(/class="mount critical dashed"/g)).toHaveLength(1);
    expect(svg).toContain("✕</tspan> node1");
    const none = statusPage(reportOf(answers({ "*": cluster({ places: { VirtIP: undefined } }) })));
    expect(none).toContain("on no node</text>");
  });

  test("can be made of nothing but silent nodes", () => {
    const silent = ["node1", "node2", "node3"].reduce((all, name) => without(name, all), answers());
    expect(statusPage(reportOf(silent))).toContain("prod: no node answers");
  });
});

test("markup escapes what is put in, but markup", () => {
  expect(markup`<p title="${`"'`}">${"<b>&"}${markup`<i>${[1, "<"]}</i>`}</p>`.text).toBe(
    `<p title="&quot;&#39;">&lt;b&gt;&amp;<i>1&lt;</i></p>`,
  );
});

describe("the text", () => {
  test("is a line for each node where all is well", () => {
    expect(statusText(reportOf(answers()))).toBe(`stack prod, 2026-10-02 12:00 UTC: all is well

NODE   ROLE               CLUSTER  HEALTH   CONNECTIONS  DATABASE FOLLOWS   FREE  CLOCK    CERTIFICATE  PACKAGES
node1  smt                online   healthy  10           node2, 0 s behind  60 %  follows  90 days      0
node2  smt                online   healthy  6            node1, 0 s behind  60 %  follows  90 days      0
node3  director, address  online   -        -            -                  60 %  follows  90 days      0

address   192.0.2.10 on node3
cluster   has quorum
fencing   /dev/disk/by-path/lun-1-part1, 3 slots
shared    /smt: 3000 of 4000 MiB free
mirror    node1, every night at 02:30; last run ended 2026-10-02 02:44 UTC: 12 files, 34 KiB, 0 errors
system    Debian GNU/Linux 12 (bookworm)
files     revision 1234-567
`);
  });

  test("begins with what is wrong", () => {
    const text = statusText(reportOf(without("node2", answers({ node1: { packages: { pending: 2, reboot: true } } }))));
    expect(text.split("\n").slice(0, 10)).toEqual([
      "stack prod, 2026-10-02 12:00 UTC: 1 warning, 1 notice",
      "",
      "warning: node2: does not answer: timed out; the cluster says: online",
      "  fix:   start node2",
      "notice: node1: updates are due: 2 packages and a reboot on node1",
      "  fix:   update them, one after the other: npx smt-ha maintain node1",
      "",
      "NODE   ROLE               CLUSTER  HEALTH   CONNECTIONS  DATABASE FOLLOWS   FREE  CLOCK    CERTIFICATE  PACKAGES",
      "node1  smt                online   healthy  10           node2, 0 s behind  60 %  follows  90 days      2, reboot",
      "node2  smt                online   ?        6            ?                  ?     ?        ?            ?",
    ]);
  });

  test("moves no terminal's cursor", () => {
    expect(statusText(reportOf(evilAnswers()))).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});
