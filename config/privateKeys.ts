import * as crypto from "crypto";
import * as os from "os";
import * as path from "path";
import type { Problems } from "./problems";
import type { ConfigSource } from "./source";

/** Reads the files that keys name. Refuses a key whose file is unusable. */
export class KeyFiles {
  constructor(
    private readonly problems: Problems,
    private readonly readFile: ConfigSource["readFile"],
  ) {}

  /** A file's text; undefined, and refused, if it can't be read. */
  text(key: string, file: string): string | undefined {
    try {
      return this.readFile(path.resolve(file.replace(/^~(?=\/)/, os.homedir())));
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? String(error);
      this.problems.refuse(key, `must name a readable file (${reason})`);
      return undefined;
    }
  }

  /**
   * A private key; undefined, and refused, if the file holds none that can be used.
   *
   * @param onlyRsa what to demand of the key's type, if only RSA is known
   */
  privateKey(key: string, file: string, onlyRsa?: string): string | undefined {
    const content = this.text(key, file);
    if (content === undefined) {
      return undefined;
    }
    const demand = !/^-----BEGIN [A-Z ]*PRIVATE KEY-----/m.test(content)
      ? "a private key"
      : hasPassphrase(content)
        ? "a private key without a passphrase"
        : onlyRsa && !isRsa(content)
          ? onlyRsa
          : undefined;
    if (demand) {
      this.problems.refuse(key, `must name ${demand}`);
      return undefined;
    }
    return content;
  }
}

/** Whether a private key, in PEM or OpenSSH format, is encrypted. */
function hasPassphrase(key: string): boolean {
  return key.includes("ENCRYPTED") || binary(key).includes("bcrypt");
}

/** Whether a private key, in PEM or OpenSSH format, is an RSA key. */
function isRsa(key: string): boolean {
  if (key.startsWith("-----BEGIN OPENSSH")) {
    // The format has the name of the key's type, with its length in front.
    return binary(key).includes("\0\0\0\x07ssh-rsa");
  }
  try {
    return crypto.createPrivateKey(key).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

/** The bytes between the first and the last line of a PEM text. */
const binary = (pem: string): Buffer => Buffer.from(pem.replace(/^-----.*$/gm, ""), "base64");
