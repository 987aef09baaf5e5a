import { TestNode } from "../support/node";
let node: TestNode;
afterEach(() => node.stop());
test("x", async () => {
  node = await TestNode.start();
  const start = Date.now();
  const r = node.step("node/diagnose");
  console.log(Date.now() - start, r.code, r.stderr);
  require("fs").writeFileSync("/tmp/dg/step.txt", r.stdout);
  console.log(node.check("cat /var/log/smt-ha/node-diagnose.log"));
});
