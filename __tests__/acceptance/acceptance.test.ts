import { changes } from "./changes";
import { cluster, fencing } from "./cluster";
import { authority, database, resets } from "./database";
import { directors } from "./directors";
import { disk } from "./disk";
import { fast } from "./fast";
import { everyFault, someFaults } from "./faults";
import { interruptions } from "./interruptions";
import { kills } from "./kills";
import { Aside, run } from "./lab";
import { lost } from "./lost";
import { machines } from "./machines";
import { maintenance } from "./maintenance";
import { records } from "./records";
import { registration } from "./registration";
import { rotation } from "./rotation";
import { production } from "./production";
import { service } from "./service";
import { sles } from "./sles";
import { spares } from "./spares";

// One file, since the parts build on each other and jest gives files no order.
jest.setTimeout(30 * 60 * 1000);

/** Each leaves the lab's stack as it found it: up, but for the first two, which make it, and the last, which ends it. */
const parts = {
  kills,
  interruptions,
  disk,
  cluster,
  fencing,
  service,
  database,
  authority,
  resets,
  lost,
  registration,
  changes,
  records,
  "some-faults": someFaults,
  spares,
  fast,
  maintenance,
  rotate: rotation,
  directors,
  faults: everyFault,
  sles,
  production,
  machines,
};

/**
 * All but those that take long by themselves: an up that is killed twenty times, more ways to be fenced, a director that goes
 * and one more, planned work on each node, other secrets, another root CA, ten resets, lost nodes, clients that register, and
 * every fault under load: here are four.
 */
const usual = "interruptions disk cluster service database changes some-faults sles production machines";
const wanted = (process.env.PARTS || usual).split(" ");

beforeAll(() => {
  const unknown = wanted.filter((name) => !(name in parts));
  if (unknown.length > 0) {
    throw new Error(`no such part: ${unknown.join(", ")}; there are: ${Object.keys(parts).join(" ")}`);
  }
  if (wanted.includes("interruptions")) {
    run("make", "down");
  }
});

afterEach(() => Aside.stopAll());

for (const [name, part] of Object.entries(parts)) {
  if (wanted.includes(name)) {
    part();
  }
}
