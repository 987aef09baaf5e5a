// Runs the program without Pulumi's engine, in the lab's network, where its report finds the service. The program can run once in a
// process, and the configuration arrives on standard input. The result is the last line of the output.
import * as fs from "fs";
import { main } from "../command";
import { abstractProgram } from "./abstract";
import { limit } from "./limit";
import type { Config } from "./plan";

const [, , work] = process.argv;
main(async () => {
  const config = JSON.parse(fs.readFileSync(0, "utf8")) as Config;
  const result = await (work === undefined ? abstractProgram(config) : limit(config, work));
  process.stdout.write(`${JSON.stringify(result)}\n`);
});
