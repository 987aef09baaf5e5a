import { changes } from "./changes";
import { cluster } from "./cluster";
import { directors } from "./directors";
import { disk } from "./disk";
import { interruptions } from "./interruptions";
import { machines } from "./machines";
import { run } from "./lab";
import { service } from "./service";
import { sles } from "./sles";

// One file, since the parts build on each other and jest gives files no order.
jest.setTimeout(30 * 60 * 1000);

beforeAll(() => {
  run("make", "down");
});

interruptions();
disk();
cluster();
service();
changes();
directors();
sles();
machines();
