import * as fs from "fs";
import * as path from "path";
import { Failure } from "./failure";

/**
 * Replaces a file as a whole: a reader may load it at any time.
 *
 * @param command whose file it is
 * @param write makes the file under the name that it gets
 */
export async function replaceFile(
  file: string,
  command: string,
  write: (unfinished: string) => void | Promise<void>,
): Promise<void> {
  const unfinished = path.join(path.dirname(file), `.${path.basename(file)}.new`);
  try {
    await write(unfinished);
    fs.renameSync(unfinished, file);
  } catch (error) {
    if (error instanceof Failure) {
      throw error;
    }
    throw new Failure(`smt-ha: ${command} not written`, {
      cause: (error as Error).message,
      fix: "name a file in a directory that you may write to",
    });
  }
}
